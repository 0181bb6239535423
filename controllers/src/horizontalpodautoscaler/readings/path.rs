//! The paths and queries of the APIs of metrics.

use std::fmt::Write;

/// A parameter of a query.
#[derive(Clone, Copy)]
pub(super) enum Query {
    /// The labels of objects, or of an external metric.
    Labels,
    /// The labels of a custom metric.
    MetricLabels,
}

/// A path with the parameters that say something.
pub(super) fn with(mut path: String, query: &[(Query, &str)]) -> String {
    let mut separator = '?';
    for (parameter, value) in query.iter().filter(|(_, value)| !value.is_empty()) {
        let name = match parameter {
            Query::Labels => "labelSelector",
            Query::MetricLabels => "metricLabelSelector",
        };
        path.extend([separator]);
        path.push_str(name);
        path.push('=');
        path.push_str(&encoded(value));
        separator = '&';
    }
    path
}

/// Percent-encoded, as part of a path or of a query.
pub(super) fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ => write!(encoded, "%{byte:02X}").unwrap_or_default(),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_say_what_is_asked_for() {
        let cases: [(&[(Query, &str)], &str); 3] = [
            (&[(Query::Labels, "")], "/pods/%2A/hits"),
            (
                &[(Query::Labels, ""), (Query::MetricLabels, "verb=GET")],
                "/pods/%2A/hits?metricLabelSelector=verb%3DGET",
            ),
            (
                &[
                    (Query::Labels, "app in (a,b),!old"),
                    (Query::MetricLabels, "verb"),
                ],
                "/pods/%2A/hits?labelSelector=app%20in%20%28a%2Cb%29%2C%21old&metricLabelSelector=verb",
            ),
        ];
        for (query, expected) in cases {
            let path = format!("/pods/{}/hits", encoded("*"));
            assert_eq!(with(path, query), expected);
        }
    }
}
