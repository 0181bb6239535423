//! The names of what quotas count.

/// Counts of objects that have had names of their own since before `count/…`.
const OBJECTS: [&str; 10] = [
    "pods",
    "services",
    "services.nodeports",
    "services.loadbalancers",
    "replicationcontrollers",
    "resourcequotas",
    "secrets",
    "configmaps",
    "persistentvolumeclaims",
    "storage",
];
const COMPUTE: [&str; 9] = [
    "cpu",
    "memory",
    "ephemeral-storage",
    "requests.cpu",
    "requests.memory",
    "requests.ephemeral-storage",
    "limits.cpu",
    "limits.memory",
    "limits.ephemeral-storage",
];
const STORAGE: &str = "requests.storage";
const HUGE_PAGES: [&str; 2] = ["hugepages-", "requests.hugepages-"];

/// Whether a name without a domain is one that quotas know.
pub fn is_standard(name: &str) -> bool {
    OBJECTS.contains(&name) || COMPUTE.contains(&name) || name == STORAGE || is_huge_pages(name)
}

/// Whether the name counts whole things.
pub fn is_count(name: &str) -> bool {
    (OBJECTS.contains(&name) && name != "storage")
        || name.starts_with("count/")
        || (name.contains('/') && !name.ends_with(STORAGE))
}

/// Whether the name is of something that Pods use.
pub fn is_of_pods(name: &str) -> bool {
    let extended = name.starts_with("requests.") && name.contains('/');
    name == "pods" || COMPUTE.contains(&name) || is_huge_pages(name) || extended
}

/// Whether the name is of something that claims of volumes use.
pub fn is_of_claims(name: &str) -> bool {
    name == "persistentvolumeclaims"
        || name == STORAGE
        || name.contains(".storageclass.storage.k8s.io/")
}

fn is_huge_pages(name: &str) -> bool {
    HUGE_PAGES.iter().any(|prefix| name.starts_with(prefix))
}

/// The resource whose objects use what the name counts: `pods` for `requests.cpu`, `deployments.apps` for
/// `count/deployments.apps`.
pub fn counted_resource(name: &str) -> &str {
    if let Some(counted) = name.strip_prefix("count/") {
        return counted;
    }
    if is_of_pods(name) {
        "pods"
    } else if is_of_claims(name) {
        "persistentvolumeclaims"
    } else if name.starts_with("services") {
        "services"
    } else {
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_of_a_resource() {
        for (name, resource) in [
            ("pods", "pods"),
            ("limits.cpu", "pods"),
            ("requests.nvidia.com/gpu", "pods"),
            ("services.nodeports", "services"),
            ("requests.storage", "persistentvolumeclaims"),
            (
                "gold.storageclass.storage.k8s.io/requests.storage",
                "persistentvolumeclaims",
            ),
            ("count/deployments.apps", "deployments.apps"),
            ("configmaps", "configmaps"),
        ] {
            assert_eq!(counted_resource(name), resource);
        }
    }
}
