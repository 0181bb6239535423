//! Claims and volumes do not go while they are in use: a controller takes the finalizer away when they may
//! (<https://kubernetes.io/docs/concepts/storage/persistent-volumes/#storage-object-in-use-protection>).

use serde_json::Value;

use super::push;

pub(super) fn admit(object: &mut Value, protection: &str) {
    let finalizers = &mut object["metadata"]["finalizers"];
    let has_it = finalizers
        .as_array()
        .is_some_and(|all| all.iter().any(|one| one == protection));
    if !has_it {
        push(finalizers, protection.into());
    }
}
