//! The fourth step: what a cluster adds to new objects, and what it does not let in.
//!
//! Each file is an admission plugin of Kubernetes. They read the store's snapshot, and write nothing but the object.

mod certificates;
mod default_class;
mod default_tolerations;
mod ingress_class;
mod limit_ranger;
mod namespace_lifecycle;
mod node_restriction;
mod priority;
mod quota;
mod runtime_class;
mod service_account;
mod storage_class;
mod storage_protection;
mod token_secret;
mod write;

pub(crate) use namespace_lifecycle::namespace_guard;
pub(crate) use node_restriction::permit_delete;
pub(crate) use quota::{Turn, Turns, charge};
pub(crate) use write::{Part, Write};

use serde_json::{Value, json};
use skiff_api::{Descriptor, Status, UserInfo, metadata, volumes};
use skiff_store::{Snapshot, Store};

use crate::authn::Tokens;
use crate::authz::{Authorizer, escalation, node_of};

/// What the plugins look at, and sign with.
pub(crate) struct Means<'a> {
    pub(crate) store: &'a Store,
    pub(crate) tokens: &'a Tokens,
    /// The authority (PEM) that clients believe.
    pub(crate) ca_pem: &'a str,
}

/// Refuses what this user may not write, though the rules let the request through.
pub(crate) fn permit(authorizer: &Authorizer, write: &Write<'_>) -> Result<(), Status> {
    if let Some(node) = node_of(write.user) {
        node_restriction::permit(node, write)?;
    }
    match write.descriptor.group.as_ref() {
        "rbac.authorization.k8s.io" => {
            let Write {
                user,
                descriptor,
                old,
                new,
                ..
            } = *write;
            escalation::check(authorizer, user, descriptor, old, new)
        }
        "certificates.k8s.io" => certificates::permit(authorizer, write),
        _ => Ok(()),
    }
}

/// Completes a new object, or refuses it; answers whether it may have added parts that have defaults of their own.
pub(crate) async fn mutate(
    means: &Means<'_>,
    descriptor: &Descriptor,
    user: Option<&UserInfo>,
    object: &mut Value,
) -> Result<bool, Status> {
    match (descriptor.group.as_ref(), descriptor.plural.as_ref()) {
        ("", "pods") => {
            service_account::admit(means.store, descriptor, object).await?;
            default_tolerations::admit(object);
            let snapshot = means.store.snapshot();
            priority::admit(&snapshot, descriptor, object)?;
            runtime_class::admit(&snapshot, descriptor, object)?;
            limit_ranger::admit_pod(&snapshot, descriptor, object)?;
            Ok(true)
        }
        ("", "persistentvolumeclaims") => {
            storage_class::admit(&means.store.snapshot(), object);
            storage_protection::admit(object, volumes::CLAIM_PROTECTION);
            check(&means.store.snapshot(), descriptor, object)?;
            Ok(false)
        }
        ("", "secrets") => {
            token_secret::admit(means, object)?;
            Ok(false)
        }
        ("", "persistentvolumes") => {
            storage_protection::admit(object, volumes::VOLUME_PROTECTION);
            Ok(false)
        }
        ("certificates.k8s.io", "certificatesigningrequests") => {
            if let Some(user) = user {
                certificates::admit(user, object);
            }
            Ok(false)
        }
        ("networking.k8s.io", "ingresses") => {
            ingress_class::admit(&means.store.snapshot(), object);
            Ok(false)
        }
        _ => {
            check(&means.store.snapshot(), descriptor, object)?;
            Ok(false)
        }
    }
}

/// Refuses an object, new or changed, that other objects leave no room for.
pub(crate) fn check(
    snapshot: &Snapshot,
    descriptor: &Descriptor,
    object: &Value,
) -> Result<(), Status> {
    match (descriptor.group.as_ref(), descriptor.plural.as_ref()) {
        ("", "persistentvolumeclaims") => limit_ranger::check_claim(snapshot, descriptor, object),
        ("scheduling.k8s.io", "priorityclasses") => {
            priority::check_class(snapshot, descriptor, object)
        }
        _ => Ok(()),
    }
}

/// Refuses a Pod whose new resources its namespace does not allow.
pub(crate) fn check_resize(
    snapshot: &Snapshot,
    descriptor: &Descriptor,
    pod: &Value,
) -> Result<(), Status> {
    limit_ranger::check_pod(snapshot, descriptor, pod)
}

/// An object's name, or how it is to begin.
fn name_of(object: &Value) -> &str {
    match metadata::name(object) {
        "" => metadata::generate_name(object),
        name => name,
    }
}

/// Adds an item to a list, which is made if it is missing.
fn push(list: &mut Value, item: Value) {
    match list {
        Value::Array(items) => items.push(item),
        other => *other = json!([item]),
    }
}
