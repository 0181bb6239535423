//! Paths of rules (<https://kubernetes.io/docs/concepts/services-networking/ingress/#path-types>).

use std::cmp::Reverse;

use k8s_openapi::api::networking::v1::HTTPIngressPath;

/// The path of a rule.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum PathRule {
    /// This path alone.
    Exact(String),
    /// Paths that begin with these elements; without a slash at the end.
    Prefix(String),
}

impl PathRule {
    /// `ImplementationSpecific` is a prefix here.
    pub(crate) fn of(path: &HTTPIngressPath) -> Self {
        let text = path.path.clone().unwrap_or_default();
        match path.path_type.as_str() {
            "Exact" => Self::Exact(text),
            _ => Self::Prefix(text.trim_end_matches('/').to_owned()),
        }
    }

    /// Whether a request's path, without its query, follows the rule.
    pub(crate) fn matches(&self, path: &str) -> bool {
        match self {
            Self::Exact(exact) => exact == path,
            Self::Prefix(prefix) => path
                .strip_prefix(prefix)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
        }
    }

    /// The least goes first: the longest path, then the exact one.
    pub(crate) fn precedence(&self) -> (Reverse<usize>, bool) {
        match self {
            Self::Exact(path) => (Reverse(path.len()), false),
            Self::Prefix(path) => (Reverse(path.len()), true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(kind: &str, path: &str) -> PathRule {
        PathRule::of(&HTTPIngressPath {
            path: Some(path.to_owned()),
            path_type: kind.to_owned(),
            ..HTTPIngressPath::default()
        })
    }

    #[test]
    fn the_examples_of_the_documentation() {
        let cases = [
            ("Prefix", "/", "/any/thing", true),
            ("Exact", "/foo", "/foo", true),
            ("Exact", "/foo", "/bar", false),
            ("Exact", "/foo", "/foo/", false),
            ("Exact", "/foo/", "/foo", false),
            ("Prefix", "/foo", "/foo", true),
            ("Prefix", "/foo", "/foo/", true),
            ("Prefix", "/foo/", "/foo", true),
            ("Prefix", "/foo/", "/foo/", true),
            ("Prefix", "/aaa/bb", "/aaa/bbb", false),
            ("Prefix", "/aaa/bbb", "/aaa/bbb/ccc", true),
            ("Prefix", "/aaa/bbb", "/aaa/bbbxyz", false),
            ("ImplementationSpecific", "", "/any", true),
        ];
        for (kind, path, request, expected) in cases {
            assert_eq!(
                rule(kind, path).matches(request),
                expected,
                "{kind} {path} {request}"
            );
        }
    }

    #[test]
    fn the_longest_goes_first_then_the_exact_one() {
        let mut rules = [
            rule("Prefix", "/"),
            rule("Prefix", "/foo"),
            rule("Exact", "/foo"),
            rule("Prefix", "/foo/bar"),
        ];
        rules.sort_by_key(PathRule::precedence);
        let expected = [
            rule("Prefix", "/foo/bar"),
            rule("Exact", "/foo"),
            rule("Prefix", "/foo"),
            rule("Prefix", "/"),
        ];
        assert_eq!(rules, expected);
    }
}
