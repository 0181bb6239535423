//! The host that a request is for.

use http::Request;
use http::header::HOST;

/// As the client named it: with its port, if it said one.
pub(crate) fn named<B>(request: &Request<B>) -> Option<&str> {
    match request.uri().authority() {
        Some(authority) => Some(authority.as_str()),
        None => request.headers().get(HOST)?.to_str().ok(),
    }
}

/// In the form of rules: lower case, without port and final dot.
pub(crate) fn plain(named: &str) -> String {
    let (name, port) = named.rsplit_once(':').unwrap_or((named, ""));
    let name = match port.bytes().all(|byte| byte.is_ascii_digit()) {
        true => name,
        false => named,
    };
    name.trim_end_matches('.').to_ascii_lowercase()
}

/// The wildcard that stands for the host: `*.b.c` for `a.b.c`.
pub(crate) fn wildcard(host: &str) -> Option<String> {
    let (_, below) = host.split_once('.')?;
    Some(format!("*.{below}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_compared_without_case_port_and_dot() {
        for (named, expected) in [
            ("A.Example.com:8080", "a.example.com"),
            ("a.example.com.", "a.example.com"),
            ("a", "a"),
            ("[::1]:80", "[::1]"),
            ("[::1]", "[::1]"),
        ] {
            assert_eq!(plain(named), expected);
        }
        assert_eq!(wildcard("a.b.c").as_deref(), Some("*.b.c"));
        assert_eq!(wildcard("a"), None);
    }
}
