//! The `/etc/hosts` that the kubelet manages for a Pod.

use k8s_openapi::api::core::v1::{HostAlias, Pod};

use super::sandbox;
use crate::pods::object;

const OWN_HEADER: &str = "# Kubernetes-managed hosts file.\n";
const HOST_HEADER: &str = "# Kubernetes-managed hosts file (host network).\n";

/// The file's content. On the host's network it is the host's file, else the Pod's own names; aliases follow.
pub(crate) fn content(pod: &Pod, ips: &[String], cluster_domain: &str, host_file: &str) -> String {
    let mut content = if object::on_host_network(pod) {
        format!("{HOST_HEADER}{host_file}")
    } else {
        own(pod, ips, cluster_domain)
    };
    let spec = pod.spec.as_ref();
    let aliases = spec.and_then(|spec| spec.host_aliases.as_deref());
    content.push_str(&aliased(aliases.unwrap_or_default()));
    content
}

fn own(pod: &Pod, ips: &[String], cluster_domain: &str) -> String {
    let mut content = OWN_HEADER.to_owned();
    content.push_str("127.0.0.1\tlocalhost\n");
    content.push_str("::1\tlocalhost ip6-localhost ip6-loopback\n");
    content.push_str("fe00::0\tip6-localnet\n");
    content.push_str("fe00::0\tip6-mcastprefix\n");
    content.push_str("fe00::1\tip6-allnodes\n");
    content.push_str("fe00::2\tip6-allrouters\n");
    let name = sandbox::hostname(pod);
    let names = match sandbox::domain(pod, cluster_domain) {
        Some(domain) => format!("{name}.{domain}\t{name}"),
        None => name,
    };
    for ip in ips {
        content.push_str(&format!("{ip}\t{names}\n"));
    }
    content
}

fn aliased(aliases: &[HostAlias]) -> String {
    if aliases.is_empty() {
        return String::new();
    }
    let mut content = "\n# Entries added by HostAliases.\n".to_owned();
    for alias in aliases {
        let names = alias.hostnames.as_deref().unwrap_or_default();
        content.push_str(&format!("{}\t{}\n", alias.ip, names.join("\t")));
    }
    content
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn content_of(spec: Value) -> String {
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {"name": "web-0", "namespace": "ns"}, "spec": spec
        }))
        .expect("a Pod");
        content(
            &pod,
            &["10.244.0.5".to_owned()],
            "cluster.local",
            "127.0.0.1 host\n",
        )
    }

    #[test]
    fn a_pod_of_a_stateful_set_finds_itself_by_its_full_name() {
        let content =
            content_of(json!({"containers": [], "hostname": "web-0", "subdomain": "nginx"}));
        assert!(content.starts_with("# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n"));
        assert!(
            content.ends_with("\n10.244.0.5\tweb-0.nginx.ns.svc.cluster.local\tweb-0\n"),
            "{content}"
        );
    }

    #[test]
    fn aliases_come_last() {
        let content = content_of(json!({"containers": [],
            "hostAliases": [{"ip": "192.0.2.1", "hostnames": ["foo.local", "bar.local"]}]}));
        let expected = "10.244.0.5\tweb-0\n\n# Entries added by HostAliases.\n192.0.2.1\tfoo.local\tbar.local\n";
        assert!(content.ends_with(expected), "{content}");
    }

    #[test]
    fn on_the_hosts_network_it_is_the_hosts_file() {
        let content = content_of(json!({"containers": [], "hostNetwork": true}));
        assert_eq!(
            content,
            "# Kubernetes-managed hosts file (host network).\n127.0.0.1 host\n"
        );
    }
}
