//! What users see of Ingresses.

use serde_json::{Value, json};

use super::Ingress;
use crate::Strategy;
use crate::kinds::common::testing::{assert_row, create_errors, created, words};

fn to_web() -> Value {
    json!({"service": {"name": "web", "port": {"number": 80}}})
}

fn with_path(path: Value) -> Value {
    json!({"spec": {"rules": [{"http": {"paths": [path]}}]}})
}

#[test]
fn an_ingress_in_the_list() {
    let host = |host: &str| json!({"host": host, "http": {"paths": []}});
    let cases = [
        (json!([host("a.b")]), json!([]), "a.b", "80"),
        (json!([{}]), json!([{}]), "*", "80, 443"),
        (
            json!([host("a"), host("b"), host("c"), host("d"), {}]),
            json!([]),
            "a,b,c + 2 more...",
            "80",
        ),
        (
            json!([{}, host("a"), host("b"), host("c")]),
            json!([]),
            "a,b,c",
            "80",
        ),
    ];
    for (rules, tls, hosts, ports) in cases {
        let ingress = json!({
            "metadata": {"name": "web", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"ingressClassName": "skiff", "rules": rules, "tls": tls},
            "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}},
        });
        let row = [
            ("Name", json!("web")),
            ("Class", json!("skiff")),
            ("Hosts", json!(hosts)),
            ("Address", json!("192.0.2.1")),
            ("Ports", json!(ports)),
            ("Age", json!("5m")),
        ];
        assert_row(&Ingress, &ingress, &row);
    }
}

#[test]
fn a_new_one_has_no_address() {
    let given = json!({"spec": {}, "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}});
    assert_eq!(
        created(&Ingress, &given)["status"],
        json!({"loadBalancer": {}})
    );
}

#[test]
fn what_users_get_wrong_in_a_path() {
    let at = "spec.rules[0].http.paths[0]";
    let cases: [(Value, &[&str]); 6] = [
        (
            json!({"path": "/a", "pathType": "Prefix", "backend": to_web()}),
            &[],
        ),
        (
            json!({"path": "/a", "backend": to_web()}),
            &["pathType: Required value: pathType must be specified"],
        ),
        (
            json!({"pathType": "Exact", "backend": to_web()}),
            &["path: Invalid value: \"\": must be an absolute path"],
        ),
        (
            json!({"path": "/a//b/..", "pathType": "Prefix", "backend": to_web()}),
            &[
                "path: Invalid value: \"/a//b/..\": must not contain '//'",
                "path: Invalid value: \"/a//b/..\": cannot end with '/..'",
            ],
        ),
        (
            json!({"pathType": "ImplementationSpecific", "backend": to_web()}),
            &[],
        ),
        (
            json!({"path": "/", "pathType": "Regex", "backend": to_web()}),
            &[
                "pathType: Unsupported value: \"Regex\": supported values: \"Exact\", \"ImplementationSpecific\", \"Prefix\"",
            ],
        ),
    ];
    for (path, expected) in cases {
        let expected: Vec<String> = expected
            .iter()
            .map(|words| format!("{at}.{words}"))
            .collect();
        assert_eq!(
            create_errors(&Ingress, &with_path(path.clone())),
            expected,
            "{path}"
        );
    }
}

#[test]
fn what_users_get_wrong_in_a_backend() {
    let cases: [(Value, &[&str]); 5] = [
        (
            json!({}),
            &["spec.defaultBackend: Invalid value: \"\": resource or service backend is required"],
        ),
        (
            json!({"service": {"name": "web"}}),
            &["spec.defaultBackend: Required value: port name or number is required"],
        ),
        (
            json!({"service": {"port": {"number": 80, "name": "http"}}}),
            &[
                "spec.defaultBackend.service.name: Required value",
                "spec.defaultBackend: Invalid value: \"\": cannot set both port name & port number",
            ],
        ),
        (
            json!({"service": {"name": "web", "port": {"number": 70000}}}),
            &[
                "spec.defaultBackend.service.port.number: Invalid value: 70000: must be between 1 and 65535, inclusive",
            ],
        ),
        (
            json!({"resource": {"kind": "Bucket"}}),
            &["spec.defaultBackend.resource.name: Required value: name is required"],
        ),
    ];
    for (backend, expected) in cases {
        let ingress = json!({"spec": {"defaultBackend": backend}});
        assert_eq!(create_errors(&Ingress, &ingress), expected, "{backend}");
    }
}

#[test]
fn what_users_get_wrong_elsewhere() {
    let rules = |host: &str| json!({"spec": {"rules": [{"host": host}]}});
    assert_eq!(
        create_errors(&Ingress, &json!({"spec": {}})),
        ["spec: Invalid value: null: either `defaultBackend` or `rules` must be specified"]
    );
    assert_eq!(create_errors(&Ingress, &rules("*.example.com")), [""; 0]);
    assert_eq!(
        create_errors(&Ingress, &rules("192.0.2.1")),
        ["spec.rules[0].host: Invalid value: \"192.0.2.1\": must be a DNS name, not an IP address"]
    );
    assert_eq!(
        create_errors(&Ingress, &rules("a.*.b")),
        [
            "spec.rules[0].host: Invalid value: \"a.*.b\": a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS \
          subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character \
          (e.g. '*.example.com', regex used for validation is \
          '\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
        ]
    );
    let address = json!({"status": {"loadBalancer": {"ingress": [{"hostname": "192.0.2.1"}]}}});
    assert_eq!(
        words(&Ingress.validate_status(&address, &json!({}))),
        [
            "status.loadBalancer.ingress[0].hostname: Invalid value: \"192.0.2.1\": must be a DNS name, not an IP address"
        ]
    );
}

#[test]
fn the_old_annotation_is_deprecated() {
    let old = json!({"metadata": {"annotations": {"kubernetes.io/ingress.class": "skiff"}}});
    assert_eq!(
        Ingress.warnings(&old),
        [
            "annotation \"kubernetes.io/ingress.class\" is deprecated, please use 'spec.ingressClassName' instead"
        ]
    );
    let both = json!({"metadata": old["metadata"], "spec": {"ingressClassName": "other"}});
    assert_eq!(
        words(&Ingress.validate_create(&both)),
        [
            "annotations.kubernetes.io/ingress.class: Invalid value: \"skiff\": must match `ingressClassName` when both are specified"
        ]
    );
}
