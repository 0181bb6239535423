//! APIServices: who serves a version of a group, this server or another one behind a Service
//! (<https://kubernetes.io/docs/concepts/extend-kubernetes/api-extension/apiserver-aggregation/>).

use jiff::Timestamp;
use serde_json::{Value, json};

use super::admission::check_port;
use super::common::defaults::{default_nonzero, existing};
use super::common::{Field, cells, checks, describe};
use crate::field::{Error, Errors, Path};
use crate::{Column, Descriptor, Strategy, metadata, names};

pub(super) fn descriptor() -> Descriptor {
    Descriptor {
        categories: vec!["api-extensions".into()],
        subresources: describe::status(),
        ..describe::cluster(
            describe::API_REGISTRATION,
            "APIService",
            "apiservices",
            ApiService,
        )
    }
}

struct ApiService;

impl Strategy for ApiService {
    fn default(&self, service: &mut Value) {
        let spec = existing(service, "spec");
        if let Some(backend) = spec.and_then(|spec| existing(spec, "service")) {
            default_nonzero(backend, "port", 443);
        }
    }

    fn prepare_create(&self, service: &mut Value) {
        if service.is_object() && service["spec"]["service"].is_null() {
            let mut condition = json!({
                "type": "Available",
                "status": "True",
                "reason": "Local",
                "message": "Local APIServices are always available",
            });
            let created = &service["metadata"]["creationTimestamp"];
            if created.is_string() {
                condition["lastTransitionTime"] = created.clone();
            }
            service["status"] = json!({"conditions": [condition]});
        }
    }

    fn validate(&self, object: &Value) -> Errors {
        let mut errors = Errors::new();
        let spec = Field::root(object).get("spec");
        check_name(object, &spec, &mut errors);
        check_priorities(&spec, &mut errors);
        let backend = spec.get("service");
        let (bundle, insecure) = (spec.get("caBundle"), spec.get("insecureSkipTLSVerify"));
        if !backend.is_set() {
            if !bundle.is_empty() {
                let shown = format!("{} bytes", bundle.str().len());
                let words = "local APIServices may not have a caBundle";
                errors.push(Error::invalid(bundle.path(), shown, words));
            }
            if insecure.is_true() {
                let words = "local APIServices may not have insecureSkipTLSVerify";
                errors.push(insecure.invalid(words));
            }
            return errors;
        }
        for name in ["namespace", "name"] {
            checks::required(&backend.get(name), &mut errors);
        }
        check_port(&backend.get("port"), &mut errors);
        if insecure.is_true() && !bundle.is_empty() {
            errors.push(insecure.invalid("may not be true if caBundle is present"));
        }
        errors
    }

    /// The core group's ends with a dot: `v1.`
    fn validate_name(&self, name: &str, path: &Path) -> Errors {
        metadata::invalid(path, name, names::path_segment(name))
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            cells::name_column(),
            Column::new("Service", "string"),
            Column::new("Available", "string"),
            cells::age_column(),
        ]
    }

    fn cells(&self, service: &Value, now: Timestamp) -> Vec<Value> {
        let backend = &service["spec"]["service"];
        let text = |field: &str| backend[field].as_str().unwrap_or_default();
        let shown = match backend {
            Value::Null => "Local".to_owned(),
            _ => format!("{}/{}", text("namespace"), text("name")),
        };
        vec![
            cells::name(service),
            shown.into(),
            availability(service).into(),
            cells::age(service, now),
        ]
    }
}

/// `True`, or `False (MissingEndpoints)`.
fn availability(service: &Value) -> String {
    let conditions = cells::items(service, "/status/conditions").iter();
    let mut available = conditions.filter(|condition| condition["type"] == "Available");
    match available.next() {
        None => "Unknown".to_owned(),
        Some(condition) if condition["status"] == "True" => "True".to_owned(),
        Some(condition) => {
            let text = |field: &str| condition[field].as_str().unwrap_or_default();
            format!("{} ({})", text("status"), text("reason"))
        }
    }
}

fn check_name(object: &Value, spec: &Field<'_>, errors: &mut Errors) {
    let (group, version) = (spec.get("group"), spec.get("version"));
    let wanted = format!("{}.{}", version.str(), group.str());
    let name = metadata::name(object);
    if name != wanted {
        let path = Field::root(object).get("metadata").get("name");
        let words = format!("must be `spec.version+\".\"+spec.group`: {wanted:?}");
        errors.push(Error::invalid(path.path(), name, words));
    }
    if !group.is_empty() {
        errors.extend(group.invalid_each(names::dns_subdomain(group.str())));
    } else if version.str() != "v1" {
        let words = "only v1 may have an empty group and it better be legacy kube";
        errors.push(group.required(words));
    }
    errors.extend(version.invalid_each(names::dns1035_label(version.str())));
}

fn check_priorities(spec: &Field<'_>, errors: &mut Errors) {
    for (name, most) in [("groupPriorityMinimum", 20_000), ("versionPriority", 1000)] {
        let field = spec.get(name);
        let priority = field.int().unwrap_or_default();
        if !(1..=most).contains(&priority) {
            let words = format!("must be positive and less than {most}");
            errors.push(Error::invalid(field.path(), priority, words));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::common::testing::{assert_row, create_errors, created};

    fn service(backend: Value) -> Value {
        json!({
            "metadata": {"name": "v1beta1.wardle.example.com", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {
                "group": "wardle.example.com",
                "version": "v1beta1",
                "groupPriorityMinimum": 1000,
                "versionPriority": 15,
                "service": backend,
            },
        })
    }

    #[test]
    fn a_service_of_this_server_is_always_available() {
        let made = created(&ApiService, &service(Value::Null));
        assert_row(
            &ApiService,
            &made,
            &[
                ("Name", json!("v1beta1.wardle.example.com")),
                ("Service", json!("Local")),
                ("Available", json!("True")),
                ("Age", json!("5m")),
            ],
        );
    }

    #[test]
    fn a_service_elsewhere_says_how_it_is() {
        let mut made = created(
            &ApiService,
            &service(json!({"name": "api", "namespace": "wardle"})),
        );
        assert_eq!(made["spec"]["service"]["port"], 443);
        assert_eq!(availability(&made), "Unknown");
        made["status"]["conditions"] =
            json!([{"type": "Available", "status": "False", "reason": "MissingEndpoints"}]);
        assert_row(
            &ApiService,
            &made,
            &[
                ("Name", json!("v1beta1.wardle.example.com")),
                ("Service", json!("wardle/api")),
                ("Available", json!("False (MissingEndpoints)")),
                ("Age", json!("5m")),
            ],
        );
    }

    #[test]
    fn names_priorities_and_trust() {
        let mut unsound = service(json!({"name": "", "namespace": "wardle", "port": 443}));
        unsound["metadata"]["name"] = json!("other");
        unsound["spec"]["versionPriority"] = json!(0);
        unsound["spec"]["caBundle"] = json!("AAAA");
        unsound["spec"]["insecureSkipTLSVerify"] = json!(true);
        assert_eq!(
            create_errors(&ApiService, &unsound),
            [
                "metadata.name: Invalid value: \"other\": must be `spec.version+\".\"+spec.group`: \"v1beta1.wardle.example.com\"",
                "spec.versionPriority: Invalid value: 0: must be positive and less than 1000",
                "spec.service.name: Required value",
                "spec.insecureSkipTLSVerify: Invalid value: true: may not be true if caBundle is present",
            ]
        );
        let mut local = service(Value::Null);
        local["spec"]["insecureSkipTLSVerify"] = json!(true);
        assert_eq!(
            create_errors(&ApiService, &local),
            [
                "spec.insecureSkipTLSVerify: Invalid value: true: local APIServices may not have insecureSkipTLSVerify"
            ]
        );
    }
}
