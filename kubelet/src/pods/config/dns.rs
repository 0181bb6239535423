//! The resolver configuration of a Pod
//! (<https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/>).

use std::net::IpAddr;

use k8s_openapi::api::core::v1::Pod;

use crate::pods::object;
use crate::runtime::cri::DnsConfig;

/// The limits of resolv.conf that Kubernetes keeps (validation's MaxDNSNameservers and MaxDNSSearchPaths).
const MAX_SERVERS: usize = 3;
const MAX_SEARCHES: usize = 32;

/// What the cluster and the host say about DNS.
#[derive(Clone, Debug)]
pub(crate) struct Resolvers {
    pub(crate) cluster_dns: IpAddr,
    pub(crate) cluster_domain: String,
    /// The host's own configuration.
    pub(crate) host: DnsConfig,
}

/// Reads a resolv.conf; what it does not know is left out.
pub(crate) fn parse(resolv_conf: &str) -> DnsConfig {
    let mut config = DnsConfig::default();
    for line in resolv_conf.lines() {
        let mut words = line.split_whitespace();
        match words.next() {
            Some("nameserver") => config.servers.extend(words.next().map(str::to_owned)),
            // The last search line counts (resolv.conf(5)).
            Some("search") => {
                config.searches = words.filter(|one| *one != ".").map(str::to_owned).collect()
            }
            Some("options") => config.options = words.map(str::to_owned).collect(),
            _ => {}
        }
    }
    config
}

/// The resolver configuration that follows from `dnsPolicy` and `dnsConfig`.
pub(crate) fn config(pod: &Pod, resolvers: &Resolvers) -> DnsConfig {
    let spec = pod.spec.as_ref();
    let policy = spec.and_then(|spec| spec.dns_policy.as_deref());
    let on_host = object::on_host_network(pod);
    let mut config = match policy.unwrap_or("ClusterFirst") {
        "None" => DnsConfig::default(),
        "ClusterFirstWithHostNet" => cluster_first(pod, resolvers),
        "ClusterFirst" if !on_host => cluster_first(pod, resolvers),
        _ => resolvers.host.clone(),
    };
    if let Some(own) = spec.and_then(|spec| spec.dns_config.as_ref()) {
        merge(
            &mut config.servers,
            own.nameservers.iter().flatten().cloned(),
        );
        merge(&mut config.searches, own.searches.iter().flatten().cloned());
        for option in own.options.iter().flatten() {
            let Some(name) = &option.name else { continue };
            config
                .options
                .retain(|known| known.split(':').next() != Some(name.as_str()));
            config.options.push(match &option.value {
                Some(value) => format!("{name}:{value}"),
                None => name.clone(),
            });
        }
    }
    config.servers.truncate(MAX_SERVERS);
    config.searches.truncate(MAX_SEARCHES);
    config
}

fn cluster_first(pod: &Pod, resolvers: &Resolvers) -> DnsConfig {
    let domain = &resolvers.cluster_domain;
    let namespace = pod.metadata.namespace.as_deref().unwrap_or("default");
    let mut searches = vec![
        format!("{namespace}.svc.{domain}"),
        format!("svc.{domain}"),
        domain.clone(),
    ];
    merge(&mut searches, resolvers.host.searches.iter().cloned());
    DnsConfig {
        servers: vec![resolvers.cluster_dns.to_string()],
        searches,
        options: vec!["ndots:5".to_owned()],
    }
}

fn merge(list: &mut Vec<String>, more: impl Iterator<Item = String>) {
    for one in more {
        if !list.contains(&one) {
            list.push(one);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn config_of(spec: Value) -> String {
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {"name": "a", "namespace": "ns"}, "spec": spec
        }))
        .expect("a Pod");
        let resolvers = Resolvers {
            cluster_dns: IpAddr::from([10, 96, 0, 10]),
            cluster_domain: "cluster.local".to_owned(),
            host: parse(
                "# host\nnameserver 192.0.2.1\nsearch example.com .\noptions edns0 timeout:1\n",
            ),
        };
        let DnsConfig {
            servers,
            searches,
            options,
        } = config(&pod, &resolvers);
        [servers, searches, options]
            .map(|list| list.join(" "))
            .join(" | ")
    }

    #[test]
    fn the_policy_chooses_the_servers() {
        let cases = [
            (
                json!({"containers": []}),
                "10.96.0.10 | ns.svc.cluster.local svc.cluster.local cluster.local example.com | ndots:5",
            ),
            (
                json!({"containers": [], "dnsPolicy": "Default"}),
                "192.0.2.1 | example.com | edns0 timeout:1",
            ),
            (
                json!({"containers": [], "dnsPolicy": "ClusterFirst", "hostNetwork": true}),
                "192.0.2.1 | example.com | edns0 timeout:1",
            ),
            (
                json!({"containers": [], "dnsPolicy": "ClusterFirstWithHostNet", "hostNetwork": true}),
                "10.96.0.10 | ns.svc.cluster.local svc.cluster.local cluster.local example.com | ndots:5",
            ),
            (
                json!({"containers": [], "dnsPolicy": "None", "dnsConfig": {"nameservers": ["192.0.2.9"],
                    "searches": ["my.dns"], "options": [{"name": "ndots", "value": "2"}, {"name": "edns0"}]}}),
                "192.0.2.9 | my.dns | ndots:2 edns0",
            ),
            (
                json!({"containers": [], "dnsConfig": {"options": [{"name": "ndots", "value": "1"}]}}),
                "10.96.0.10 | ns.svc.cluster.local svc.cluster.local cluster.local example.com | ndots:1",
            ),
        ];
        for (spec, expected) in cases {
            assert_eq!(config_of(spec.clone()), expected, "{spec}");
        }
    }
}
