//! Settings of the kernel that a Pod may have without disturbing others
//! (<https://kubernetes.io/docs/tasks/administer-cluster/sysctl-cluster/#safe-and-unsafe-sysctls>).

use k8s_openapi::api::core::v1::Pod;

/// Those of a namespace that is the Pod's own, each for itself.
const SAFE: [&str; 12] = [
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.ping_group_range",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_wmem",
];

/// The first setting that neither is safe nor `allowed` (a name, or what names begin with and `*`).
pub(super) fn forbidden(allowed: &[String], pod: &Pod) -> Option<String> {
    let spec = pod.spec.as_ref();
    let context = spec.and_then(|spec| spec.security_context.as_ref());
    let wanted = context.and_then(|context| context.sysctls.as_ref());
    let mut names = wanted.into_iter().flatten().map(|one| dotted(&one.name));
    names.find(|name| {
        let is_allowed = |pattern: &String| match pattern.strip_suffix('*') {
            Some(begin) => name.starts_with(begin),
            None => name == pattern,
        };
        !SAFE.contains(&name.as_str()) && !allowed.iter().any(is_allowed)
    })
}

/// With a slash first, slashes stand for dots and dots are part of names, as in `net/ipv4/conf/eth0.1/forwarding`.
fn dotted(name: &str) -> String {
    match name.find(['.', '/']).map(|at| &name[at..=at]) {
        Some("/") => name
            .chars()
            .map(|char| match char {
                '/' => '.',
                '.' => '/',
                other => other,
            })
            .collect(),
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_others_would_feel_must_be_allowed() {
        let allowed = ["kernel.msg*".to_owned(), "net.core.somaxconn".to_owned()];
        for (name, expected) in [
            ("net.ipv4.tcp_syncookies", None),
            ("net/ipv4/tcp_syncookies", None),
            ("kernel.msgmax", None),
            ("kernel.sem", Some("kernel.sem")),
            ("net.core.somaxconn", None),
            ("net.core.somaxconn2", Some("net.core.somaxconn2")),
            (
                "net/ipv4/conf/eth0.1/forwarding",
                Some("net.ipv4.conf.eth0/1.forwarding"),
            ),
        ] {
            let sysctls = json!([{"name": "kernel.shm_rmid_forced", "value": "1"}, {"name": name, "value": "1"}]);
            let pod = json!({"spec": {"containers": [], "securityContext": {"sysctls": sysctls}}});
            let pod: Pod = serde_json::from_value(pod).expect("a Pod");
            assert_eq!(forbidden(&allowed, &pod).as_deref(), expected, "{name}");
        }
    }
}
