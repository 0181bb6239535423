//! IngressClasses.

use jiff::Timestamp;
use serde_json::Value;

use super::common::cells::text;
use super::common::defaults::{default_to, existing};
use super::common::{Field, cells, checks, describe};
use super::ingress::typed_reference;
use crate::field::{Error, Errors};
use crate::{Column, Descriptor, Strategy, names};

const MAX_CONTROLLER: usize = 250;

pub(super) fn descriptor() -> Descriptor {
    describe::cluster(
        describe::NETWORKING,
        "IngressClass",
        "ingressclasses",
        IngressClass,
    )
}

pub(super) struct IngressClass;

impl Strategy for IngressClass {
    fn default(&self, class: &mut Value) {
        let spec = existing(class, "spec");
        if let Some(parameters) = spec.and_then(|spec| existing(spec, "parameters")) {
            default_to(parameters, "scope", "Cluster");
        }
    }

    fn validate(&self, class: &Value) -> Errors {
        let mut errors = Errors::new();
        let spec = Field::root(class).get("spec");
        controller(&spec.get("controller"), &mut errors);
        let parameters = spec.get("parameters");
        if parameters.is_set() {
            validate_parameters(&parameters, &mut errors);
        }
        errors
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Errors {
        let mut errors = Errors::new();
        let [new, old] = [new, old].map(|class| Field::root(class).get("spec").get("controller"));
        checks::immutable(&new, &old, &mut errors);
        errors
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            cells::name_column(),
            Column::new("Controller", "string"),
            Column::new("Parameters", "string"),
            cells::age_column(),
        ]
    }

    fn cells(&self, class: &Value, now: Timestamp) -> Vec<Value> {
        vec![
            cells::name(class),
            text(class, "/spec/controller").into(),
            shown(&class["spec"]["parameters"]).into(),
            cells::age(class, now),
        ]
    }
}

/// `Kind.group/name`.
fn shown(parameters: &Value) -> String {
    if parameters.is_null() {
        return cells::NONE.to_owned();
    }
    let group = match text(parameters, "/apiGroup") {
        "" => String::new(),
        group => format!(".{group}"),
    };
    format!(
        "{}{group}/{}",
        text(parameters, "/kind"),
        text(parameters, "/name")
    )
}

/// A path with a domain in front (`IsDomainPrefixedPath`).
fn controller(controller: &Field<'_>, errors: &mut Errors) {
    if controller.str().len() > MAX_CONTROLLER {
        errors.push(Error::too_long(controller.path(), MAX_CONTROLLER));
    }
    checks::required(controller, errors);
    if controller.is_empty() {
        return;
    }
    let Some((domain, path)) = controller
        .str()
        .split_once('/')
        .filter(|(domain, path)| !domain.is_empty() && !path.is_empty())
    else {
        let words = "must be a domain-prefixed path (such as \"acme.io/foo\")";
        errors.push(controller.invalid(words));
        return;
    };
    let invalid = |part: &str, words: String| Error::invalid(controller.path(), part, words);
    errors.extend(
        names::dns_subdomain(domain)
            .into_iter()
            .map(|words| invalid(domain, words)),
    );
    errors.extend(
        names::http_path(path)
            .into_iter()
            .map(|words| invalid(path, words)),
    );
}

fn validate_parameters(parameters: &Field<'_>, errors: &mut Errors) {
    typed_reference(parameters, errors);
    let (scope, namespace) = (parameters.get("scope"), parameters.get("namespace"));
    checks::one_of(&scope, &["Cluster", "Namespace"], errors);
    match scope.str() {
        "Namespace" if !namespace.is_set() => {
            errors.push(namespace.required("`parameters.scope` is set to 'Namespace'"));
        }
        "Namespace" => checks::must_follow(&namespace, names::dns_label, errors),
        "Cluster" if namespace.is_set() => {
            errors.push(namespace.forbidden("`parameters.scope` is set to 'Cluster'"));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::common::testing::{assert_row, create_errors, created, update_errors};

    #[test]
    fn a_class_in_the_list() {
        let class = json!({
            "metadata": {"name": "skiff", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {
                "controller": "skiff.dev/ingress",
                "parameters": {"apiGroup": "example.com", "kind": "Port", "name": "west"},
            },
        });
        let row = [
            ("Name", json!("skiff")),
            ("Controller", json!("skiff.dev/ingress")),
            ("Parameters", json!("Port.example.com/west")),
            ("Age", json!("5m")),
        ];
        let class = created(&IngressClass, &class);
        assert_row(&IngressClass, &class, &row);
        assert_eq!(class["spec"]["parameters"]["scope"], "Cluster");
    }

    #[test]
    fn what_users_get_wrong() {
        let cases: [(Value, &[&str]); 4] = [
            (json!({}), &["spec.controller: Required value"]),
            (
                json!({"controller": "skiff"}),
                &[
                    "spec.controller: Invalid value: \"skiff\": must be a domain-prefixed path (such as \"acme.io/foo\")",
                ],
            ),
            (
                json!({"controller": "a.b/ c"}),
                &[
                    "spec.controller: Invalid value: \" c\": Invalid path (regex used for validation is \
                   '[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')",
                ],
            ),
            (
                json!({"controller": "a.b/c", "parameters": {"kind": "A", "name": "b", "scope": "Namespace"}}),
                &[
                    "spec.parameters.namespace: Required value: `parameters.scope` is set to 'Namespace'",
                ],
            ),
        ];
        for (spec, expected) in cases {
            let class = json!({"spec": spec});
            assert_eq!(create_errors(&IngressClass, &class), expected, "{class}");
        }
        let class = |controller: &str| json!({"spec": {"controller": controller}});
        assert_eq!(
            update_errors(&IngressClass, &class("a.b/c"), &class("a.b/d")),
            ["spec.controller: Invalid value: \"a.b/d\": field is immutable"]
        );
    }
}
