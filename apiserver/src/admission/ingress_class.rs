//! An Ingress without a class gets the default one.

use serde_json::Value;
use skiff_api::metadata;
use skiff_store::Snapshot;

use super::default_class::default_class;

const PREFIX: &str = "/registry/networking.k8s.io/ingressclasses/";
const IS_DEFAULT: &str = "ingressclass.kubernetes.io/is-default-class";
/// The annotation that named the class before there was a field.
const OLD_CLASS: &str = "kubernetes.io/ingress.class";

pub(super) fn admit(snapshot: &Snapshot, ingress: &mut Value) {
    let has_class = !ingress["spec"]["ingressClassName"].is_null()
        || metadata::annotation(ingress, OLD_CLASS).is_some();
    if !has_class && let Some(class) = default_class(snapshot, PREFIX, IS_DEFAULT) {
        ingress["spec"]["ingressClassName"] = class.into();
    }
}
