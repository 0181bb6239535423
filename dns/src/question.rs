//! What a name asks for: pure.

use std::net::Ipv4Addr;

/// What a name in the cluster's zone, or in the zone of addresses, asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    /// `<service>.<namespace>.svc.<domain>`
    Service { namespace: String, service: String },
    /// `<host>.<service>.<namespace>.svc.<domain>`: one endpoint of a headless Service.
    Endpoint {
        namespace: String,
        service: String,
        host: String,
    },
    /// `_<port>._<protocol>.<service>.<namespace>.svc.<domain>`
    Port {
        namespace: String,
        service: String,
        port: String,
        protocol: String,
    },
    /// `<a-b-c-d>.<namespace>.pod.<domain>`
    Pod {
        namespace: String,
        address: Ipv4Addr,
    },
    /// `dns-version.<domain>`
    Version,
    /// A name that has names below it, but nothing itself, such as `svc.<domain>`.
    Branch,
    /// `<namespace>.svc.<domain>` or `<namespace>.pod.<domain>`: exists as the namespace does.
    Namespace(String),
    /// `d.c.b.a.in-addr.arpa`
    Address(Ipv4Addr),
    /// A name in the zone that nothing can have.
    Nothing,
    /// A name outside the zone.
    Elsewhere,
}

impl Question {
    /// Reads a name, in lower case and without its last dot.
    pub(crate) fn of(name: &str, domain: &str) -> Self {
        if let Some(reverse) = name.strip_suffix(".in-addr.arpa") {
            return reversed(reverse).map_or(Question::Elsewhere, Question::Address);
        }
        if name == domain {
            return Question::Branch;
        }
        match name
            .strip_suffix(domain)
            .and_then(|rest| rest.strip_suffix('.'))
        {
            Some(inside) => Self::inside(inside),
            None => Question::Elsewhere,
        }
    }

    fn inside(name: &str) -> Self {
        let labels: Vec<&str> = name.split('.').rev().collect();
        let owned = |label: &str| label.to_owned();
        match labels.as_slice() {
            ["dns-version"] => Question::Version,
            ["svc" | "pod"] => Question::Branch,
            ["svc" | "pod", namespace] => Question::Namespace(owned(namespace)),
            ["svc", namespace, service] => Question::Service {
                namespace: owned(namespace),
                service: owned(service),
            },
            ["svc", namespace, service, protocol, port]
                if protocol.starts_with('_') && port.starts_with('_') =>
            {
                Question::Port {
                    namespace: owned(namespace),
                    service: owned(service),
                    port: port[1..].to_owned(),
                    protocol: protocol[1..].to_owned(),
                }
            }
            ["svc", namespace, service, host] => Question::Endpoint {
                namespace: owned(namespace),
                service: owned(service),
                host: owned(host),
            },
            ["pod", namespace, dashed] => match dashed.replace('-', ".").parse() {
                Ok(address) => Question::Pod {
                    namespace: owned(namespace),
                    address,
                },
                Err(_) => Question::Nothing,
            },
            _ => Question::Nothing,
        }
    }
}

fn reversed(name: &str) -> Option<Ipv4Addr> {
    let octets: Vec<u8> = name
        .split('.')
        .rev()
        .map(|octet| octet.parse().ok())
        .collect::<Option<_>>()?;
    let octets: [u8; 4] = octets.try_into().ok()?;
    Some(Ipv4Addr::from(octets))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_ask_for_what_the_specification_says() {
        let text = str::to_owned;
        let cases = [
            (
                "kubernetes.default.svc.cluster.local",
                Question::Service {
                    namespace: text("default"),
                    service: text("kubernetes"),
                },
            ),
            (
                "web-0.nginx.default.svc.cluster.local",
                Question::Endpoint {
                    namespace: text("default"),
                    service: text("nginx"),
                    host: text("web-0"),
                },
            ),
            (
                "_http._tcp.web.shop.svc.cluster.local",
                Question::Port {
                    namespace: text("shop"),
                    service: text("web"),
                    port: text("http"),
                    protocol: text("tcp"),
                },
            ),
            (
                "10-244-0-2.default.pod.cluster.local",
                Question::Pod {
                    namespace: text("default"),
                    address: [10, 244, 0, 2].into(),
                },
            ),
            ("web.default.pod.cluster.local", Question::Nothing),
            ("dns-version.cluster.local", Question::Version),
            ("cluster.local", Question::Branch),
            ("svc.cluster.local", Question::Branch),
            (
                "default.svc.cluster.local",
                Question::Namespace(text("default")),
            ),
            ("a.b.c.d.e.svc.cluster.local", Question::Nothing),
            (
                "10.0.96.10.in-addr.arpa",
                Question::Address([10, 96, 0, 10].into()),
            ),
            ("96.10.in-addr.arpa", Question::Elsewhere),
            ("example.com", Question::Elsewhere),
            ("notcluster.local", Question::Elsewhere),
        ];
        for (name, question) in cases {
            assert_eq!(Question::of(name, "cluster.local"), question, "{name}");
        }
    }
}
