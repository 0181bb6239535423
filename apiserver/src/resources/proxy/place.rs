//! Where a proxied request goes: pure, from the name in the URL and the objects that stand.

use serde_json::Value;
use skiff_api::{Reason, Status, metadata};

use crate::address::{Address, port_number};

/// `[scheme:]name[:port]`, as a Pod, a Service or a Node is named in the URL of a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Named<'a> {
    pub(super) scheme: &'a str,
    pub(super) name: &'a str,
    /// A number or a name; empty for the usual one.
    pub(super) port: &'a str,
}

impl<'a> Named<'a> {
    /// # Errors
    /// 400 for more than three parts, or a scheme that is none.
    pub(super) fn read(text: &'a str) -> Result<Self, Status> {
        let parts: Vec<&str> = text.split(':').collect();
        let (scheme, name, port) = match parts[..] {
            [name] => ("", name, ""),
            [name, port] => ("", name, port),
            [scheme @ ("" | "http" | "https"), name, port] => (scheme, name, port),
            _ => {
                return Err(Status::bad_request(format!(
                    "invalid proxy request {text:?}"
                )));
            }
        };
        Ok(Self { scheme, name, port })
    }
}

/// The port of a Pod: the one that is named, else the first that a container declares, else that of HTTP.
pub(super) fn of_pod(pod: &Value, port: &str) -> Result<Address, Status> {
    let host = pod["status"]["podIP"].as_str().unwrap_or_default();
    if host.is_empty() {
        let message = format!("pod {:?} has no address yet", metadata::name(pod));
        return Err(Status::new(Reason::ServiceUnavailable, message));
    }
    let containers = pod["spec"]["containers"].as_array().into_iter().flatten();
    let mut ports =
        containers.flat_map(|container| container["ports"].as_array().into_iter().flatten());
    let number = match port {
        "" => ports.find_map(|declared| port_number(&declared["containerPort"])),
        port => ports
            .find(|declared| declared["name"] == port)
            .and_then(|declared| port_number(&declared["containerPort"]))
            .or_else(|| port.parse().ok()),
    };
    if number.is_none() && !port.is_empty() {
        return Err(Status::bad_request(format!("invalid port {port:?}")));
    }
    Ok(Address {
        host: host.to_owned(),
        port: number.unwrap_or(80),
    })
}

/// What follows `…/name/proxy` in the path as it was sent, with the query: it may be empty.
pub(super) fn rest(path_and_query: &str, named: &str) -> String {
    let marks = [
        format!("/{named}/proxy"),
        format!("/{}/proxy", named.replace(':', "%3A")),
    ];
    let found = marks
        .iter()
        .find_map(|mark| path_and_query.split_once(mark.as_str()));
    found.map(|(_, rest)| rest.to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn shown(address: &Address) -> String {
        format!("{}:{}", address.host, address.port)
    }

    #[test]
    fn a_name_may_have_a_scheme_and_a_port() {
        for (text, expected) in [
            ("web", ("", "web", "")),
            ("web:8080", ("", "web", "8080")),
            ("https:web:", ("https", "web", "")),
            ("http:web:admin", ("http", "web", "admin")),
            (":web:80", ("", "web", "80")),
        ] {
            let Named { scheme, name, port } = Named::read(text).unwrap();
            assert_eq!((scheme, name, port), expected, "{text}");
        }
        for text in ["ftp:web:21", "a:b:c:d"] {
            assert_eq!(Named::read(text).unwrap_err().code(), 400, "{text}");
        }
    }

    #[test]
    fn a_pod_is_reached_at_its_first_port_unless_one_is_named() {
        let pod = json!({
            "metadata": {"name": "web"},
            "spec": {"containers": [{"name": "a"}, {"name": "b", "ports": [
                {"containerPort": 8080}, {"name": "admin", "containerPort": 9000},
            ]}]},
            "status": {"podIP": "10.0.0.7"},
        });
        for (port, expected) in [
            ("", "10.0.0.7:8080"),
            ("admin", "10.0.0.7:9000"),
            ("81", "10.0.0.7:81"),
        ] {
            assert_eq!(shown(&of_pod(&pod, port).unwrap()), expected, "{port}");
        }
        assert_eq!(of_pod(&pod, "nope").unwrap_err().code(), 400);
        let plain = json!({"status": {"podIP": "10.0.0.8"}});
        assert_eq!(shown(&of_pod(&plain, "").unwrap()), "10.0.0.8:80");
        assert_eq!(of_pod(&json!({}), "").unwrap_err().code(), 503);
    }

    #[test]
    fn the_path_is_passed_on_as_it_was_sent() {
        for (sent, named, expected) in [
            ("/api/v1/namespaces/a/pods/web/proxy", "web", ""),
            ("/api/v1/namespaces/a/pods/web/proxy/", "web", "/"),
            (
                "/api/v1/namespaces/a/pods/web:80/proxy/x%2Fy?q=a%20b",
                "web:80",
                "/x%2Fy?q=a%20b",
            ),
            ("/api/v1/namespaces/a/pods/web%3A80/proxy/x", "web:80", "/x"),
        ] {
            assert_eq!(rest(sent, named), expected, "{sent}");
        }
    }
}
