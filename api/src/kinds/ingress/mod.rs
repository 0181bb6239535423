//! Ingresses.

mod backend;
mod row;
mod spec;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::common::defaults::{default_to, ensure};
use super::common::{Field, checks, describe};
use crate::field::{Errors, Path};
use crate::{Column, Descriptor, Strategy, metadata, names};

pub(super) use backend::typed_reference;

/// The annotation that named the class before there was a field.
const OLD_CLASS: &str = "kubernetes.io/ingress.class";

pub(super) fn descriptor() -> Descriptor {
    Descriptor {
        short_names: describe::short("ing"),
        subresources: describe::status(),
        ..describe::namespaced(describe::NETWORKING, "Ingress", "ingresses", Ingress)
    }
}

pub(super) struct Ingress;

impl Strategy for Ingress {
    fn default(&self, ingress: &mut Value) {
        if let Some(status) = ensure(ingress, "status") {
            default_to(status, "loadBalancer", json!({}));
        }
    }

    fn prepare_create(&self, ingress: &mut Value) {
        if ingress.is_object() {
            ingress["status"] = json!({"loadBalancer": {}});
        }
    }

    fn validate(&self, ingress: &Value) -> Errors {
        spec::validate(&Field::root(ingress).get("spec"))
    }

    fn validate_create(&self, ingress: &Value) -> Errors {
        let class = Field::root(ingress).get("spec").get("ingressClassName");
        let old = metadata::annotation(ingress, OLD_CLASS);
        let differ = old.filter(|old| class.is_set() && *old != class.str());
        let path = Path::root("annotations").child(OLD_CLASS);
        let words = "must match `ingressClassName` when both are specified";
        differ
            .map(|old| crate::field::Error::invalid(&path, old, words))
            .into_iter()
            .collect()
    }

    fn validate_status(&self, new: &Value, _old: &Value) -> Errors {
        let mut errors = Errors::new();
        let balancer = Field::root(new).get("status").get("loadBalancer");
        for address in balancer.get("ingress").items() {
            checks::name(&address.get("ip"), names::ip, &mut errors);
            let host = address.get("hostname");
            checks::name(&host, names::dns_subdomain, &mut errors);
            spec::not_an_address(&host, &mut errors);
        }
        errors
    }

    fn warnings(&self, ingress: &Value) -> Vec<String> {
        let old = metadata::annotation(ingress, OLD_CLASS);
        let words = format!(
            "annotation {OLD_CLASS:?} is deprecated, please use 'spec.ingressClassName' instead"
        );
        old.map(|_| words).into_iter().collect()
    }

    fn columns(&self) -> Vec<Column> {
        row::columns()
    }

    fn cells(&self, ingress: &Value, now: Timestamp) -> Vec<Value> {
        row::cells(ingress, now)
    }
}

#[cfg(test)]
mod tests;
