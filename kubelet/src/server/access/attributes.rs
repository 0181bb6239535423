//! What a request asks of the Node object.

use http::Method;

/// The subresources of the Node that a path belongs to; the right to one of them is enough.
const SUBRESOURCES: [(&str, &[&str]); 9] = [
    ("/stats", &["stats"]),
    ("/metrics", &["metrics"]),
    ("/logs", &["log"]),
    ("/spec", &["spec"]),
    ("/checkpoint", &["checkpoint"]),
    ("/pods", &["pods", "proxy"]),
    ("/runningPods", &["pods", "proxy"]),
    ("/healthz", &["healthz", "proxy"]),
    ("/configz", &["configz", "proxy"]),
];

/// The verb of a method; empty for one that the kubelet does not know.
pub(super) fn verb_of(method: &Method) -> &'static str {
    match *method {
        Method::POST => "create",
        Method::GET | Method::HEAD => "get",
        Method::PUT => "update",
        Method::PATCH => "patch",
        Method::DELETE => "delete",
        _ => "",
    }
}

/// The subresources of the Node that a path belongs to, the narrowest first.
pub(super) fn subresources_of(path: &str) -> &'static [&'static str] {
    let is_below = |parent: &str| {
        path.strip_prefix(parent)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let found = SUBRESOURCES.iter().find(|(parent, _)| is_below(parent));
    found.map_or(&["proxy"], |(_, subresources)| subresources)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_belongs_to_subresources() {
        for (path, expected) in [
            ("/stats/summary", &["stats"] as &[&str]),
            ("/metrics", &["metrics"]),
            ("/metrics/cadvisor", &["metrics"]),
            ("/logs/", &["log"]),
            ("/spec/", &["spec"]),
            ("/checkpoint/default/web/c", &["checkpoint"]),
            ("/pods", &["pods", "proxy"]),
            ("/runningPods/", &["pods", "proxy"]),
            ("/healthz", &["healthz", "proxy"]),
            ("/configz", &["configz", "proxy"]),
            ("/exec/default/web/c", &["proxy"]),
            ("/containerLogs/default/web/c", &["proxy"]),
            ("/metricsandmore", &["proxy"]),
            ("//metrics", &["proxy"]),
            ("/", &["proxy"]),
        ] {
            assert_eq!(subresources_of(path), expected, "{path}");
        }
    }

    #[test]
    fn a_method_is_a_verb() {
        for (method, expected) in [
            (Method::GET, "get"),
            (Method::HEAD, "get"),
            (Method::POST, "create"),
            (Method::PUT, "update"),
            (Method::PATCH, "patch"),
            (Method::DELETE, "delete"),
            (Method::OPTIONS, ""),
        ] {
            assert_eq!(verb_of(&method), expected, "{method}");
        }
    }
}
