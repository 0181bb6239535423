//! Services.
//!
//! Addresses and node ports are allocated by the API server; the rules here hold with and without them.

mod defaults;
mod needs;
mod row;
mod spec;
mod step;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::common::cells::text;
use super::common::defaults::{default_to, ensure, existing};
use super::common::{Field, describe};
use crate::field::{Errors, Path};
use crate::{Column, Descriptor, Strategy, metadata, names};

pub(super) fn descriptor() -> Descriptor {
    Descriptor {
        short_names: describe::short("svc"),
        categories: describe::all(),
        subresources: describe::status(),
        ..describe::namespaced(describe::CORE, "Service", "services", Service)
    }
}

pub(super) struct Service;

impl Strategy for Service {
    fn default(&self, service: &mut Value) {
        ensure(service, "spec").map(defaults::default);
        if let Some(status) = ensure(service, "status") {
            default_to(status, "loadBalancer", json!({}));
        }
    }

    fn prepare_create(&self, service: &mut Value) {
        if service.is_object() {
            service["status"] = json!({"loadBalancer": {}});
        }
    }

    fn prepare_update(&self, new: &mut Value, old: &Value) {
        if let Some(spec) = existing(new, "spec") {
            step::prepare(spec, &old["spec"]);
        }
    }

    fn validate(&self, service: &Value) -> Errors {
        spec::validate(&Field::root(service).get("spec"))
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Errors {
        step::validate(&Field::root(new).get("spec"), &Field::root(old).get("spec"))
    }

    fn selectable_field(&self, service: &Value, field: &str) -> Option<String> {
        let value = match field {
            "spec.clusterIP" => text(service, "/spec/clusterIP"),
            "spec.type" => text(service, "/spec/type"),
            _ => return None,
        };
        Some(value.to_owned())
    }

    fn columns(&self) -> Vec<Column> {
        row::columns()
    }

    fn cells(&self, service: &Value, now: Timestamp) -> Vec<Value> {
        row::cells(service, now)
    }

    fn validate_name(&self, name: &str, path: &Path) -> Errors {
        metadata::invalid(path, name, names::dns1035_label(name))
    }
}
