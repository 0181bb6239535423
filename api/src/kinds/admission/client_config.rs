//! Where a webhook is: a URL, or a Service of the cluster (k8s.io/apiserver/pkg/util/webhook, validation).

use serde_json::Value;

use crate::field::{Error, Errors};
use crate::kinds::common::{Field, defaults};
use crate::names;

const FORM: &str = "; desired format: https://host[/path]";

/// Fills in the port of a Service.
pub(in crate::kinds) fn default(config: &mut Value) {
    if let Some(service) = defaults::existing(config, "service") {
        defaults::default_nonzero(service, "port", 443);
    }
}

/// What is wrong with it.
pub(in crate::kinds) fn check(config: &Field<'_>, errors: &mut Errors) {
    let (url, service) = (config.get("url"), config.get("service"));
    match (url.is_set(), service.is_set()) {
        (true, false) => check_url(&url, errors),
        (false, true) => check_service(&service, errors),
        _ => errors.push(config.required("exactly one of url or service is required")),
    }
}

fn check_url(url: &Field<'_>, errors: &mut Errors) {
    let mut wrong = |part: &str, words: String| {
        errors.push(Error::invalid(url.path(), part, words));
    };
    let (scheme, rest) = url.str().split_once(':').unwrap_or(("", url.str()));
    if scheme != "https" {
        wrong(
            scheme,
            format!("'https' is the only allowed URL scheme{FORM}"),
        );
    }
    let (rest, fragment) = rest.split_once('#').unwrap_or((rest, ""));
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let rest = rest.strip_prefix("//").unwrap_or_default();
    let authority = rest.split('/').next().unwrap_or_default();
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    if host.is_empty() {
        wrong(host, format!("host must be specified{FORM}"));
    }
    for (part, what) in [
        (user, "user information is"),
        (fragment, "fragments are"),
        (query, "query parameters are"),
    ] {
        if !part.is_empty() {
            wrong(part, format!("{what} not permitted in the URL"));
        }
    }
}

fn check_service(service: &Field<'_>, errors: &mut Errors) {
    for (name, words) in [
        ("name", "service name is required"),
        ("namespace", "service namespace is required"),
    ] {
        if service.get(name).is_empty() {
            errors.push(service.get(name).required(words));
        }
    }
    check_port(&service.get("port"), errors);
    check_path(&service.get("path"), errors);
}

/// The port of a Service that the API server is to reach.
pub(in crate::kinds) fn check_port(port: &Field<'_>, errors: &mut Errors) {
    let wrong = names::port_number(port.int().unwrap_or_default());
    if !wrong.is_empty() {
        errors.push(port.invalid(format!("port is not valid: {}", wrong.join(","))));
    }
}

fn check_path(path: &Field<'_>, errors: &mut Errors) {
    let text = path.str();
    if matches!(text, "" | "/") {
        return;
    }
    if text == "//" {
        errors.push(path.invalid("segment[0] may not be empty"));
    }
    if !text.starts_with('/') {
        errors.push(path.invalid("must start with a '/'"));
    }
    let inner = text.get(1..).unwrap_or_default();
    let inner = inner.strip_suffix('/').unwrap_or(inner);
    for (index, step) in inner.split('/').enumerate() {
        if step.is_empty() {
            errors.push(path.invalid(format!("segment[{index}] may not be empty")));
            continue;
        }
        for words in names::dns_subdomain(step) {
            errors.push(path.invalid(format!("segment[{index}]: {words}")));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::common::testing::wrong;

    fn service(path: &str) -> Value {
        json!({"service": {"name": "hook", "namespace": "default", "port": 443, "path": path}})
    }

    #[test]
    fn a_webhook_is_in_one_place() {
        for sound in [
            json!({"url": "https://127.0.0.1:8443/validate"}),
            json!({"url": "https://hook.example.com"}),
            service("/a/b-c"),
            service("/"),
        ] {
            assert_eq!(wrong(sound, check), [""; 0]);
        }
        let one = "x: Required value: exactly one of url or service is required";
        assert_eq!(wrong(json!({}), check), [one]);
        let mut both = service("/");
        both["url"] = json!("https://a");
        assert_eq!(wrong(both, check), [one]);
    }

    #[test]
    fn urls_are_plain_and_secure() {
        let cases = [
            (
                "http://a/",
                "x.url: Invalid value: \"http\": 'https' is the only allowed URL scheme; desired format: https://host[/path]",
            ),
            (
                "https:///a",
                "x.url: Invalid value: \"\": host must be specified; desired format: https://host[/path]",
            ),
            (
                "https://me@a/",
                "x.url: Invalid value: \"me\": user information is not permitted in the URL",
            ),
            (
                "https://a/?q=1",
                "x.url: Invalid value: \"q=1\": query parameters are not permitted in the URL",
            ),
            (
                "https://a/#f",
                "x.url: Invalid value: \"f\": fragments are not permitted in the URL",
            ),
        ];
        for (url, words) in cases {
            assert_eq!(wrong(json!({"url": url}), check), [words], "{url}");
        }
    }

    #[test]
    fn services_have_names_ports_and_paths() {
        let unsound = json!({"service": {"port": 70000}});
        assert_eq!(
            wrong(unsound, check),
            [
                "x.service.name: Required value: service name is required",
                "x.service.namespace: Required value: service namespace is required",
                "x.service.port: Invalid value: 70000: port is not valid: must be between 1 and 65535, inclusive",
            ]
        );
        assert_eq!(
            wrong(service("a//b"), check)[..2],
            [
                "x.service.path: Invalid value: \"a//b\": must start with a '/'",
                "x.service.path: Invalid value: \"a//b\": segment[0] may not be empty",
            ]
        );
    }
}
