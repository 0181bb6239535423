//! The objects that are the parameters of a policy for a request.

use std::sync::Arc;

use serde_json::Value;
use skiff_api::{Descriptor, Reason, metadata};

use super::Policies;
use super::binding::ParamRef;
use super::policy::ParamKind;
use crate::codec::object_of;
use crate::matching::selector;
use crate::request::ListOptions;
use crate::storage::{Filter, Storage};

/// The most objects that a selector may choose.
const MOST: usize = 500;

/// The kind of parameters; or that there is no such kind.
pub(super) fn descriptor(policies: &Policies, kind: &ParamKind) -> Result<Arc<Descriptor>, String> {
    let ParamKind { api_version, kind } = kind;
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let known = policies.objects.kinds.of_kind(group, version, kind);
    known.ok_or_else(|| {
        format!("failed to find resource referenced by paramKind: '{api_version}, Kind={kind}'")
    })
}

/// The parameters that a binding chooses for a request in a namespace; each is evaluated for itself.
pub(super) async fn chosen(
    policies: &Policies,
    descriptor: &Arc<Descriptor>,
    reference: &ParamRef,
    namespace: &str,
) -> Result<Vec<Value>, String> {
    let namespace = match (descriptor.is_namespaced(), reference.namespace.as_str()) {
        (true, "") if namespace.is_empty() => {
            return Err("cannot use namespaced paramRef in policy binding that matches cluster-scoped resources".to_owned());
        }
        (true, "") => namespace,
        (true, given) => given,
        (false, "") => "",
        (false, _) => {
            return Err(
                "paramRef.namespace must not be provided for a cluster-scoped `paramKind`"
                    .to_owned(),
            );
        }
    };
    let storage = policies.objects.of(descriptor);
    let params = match reference.name.as_str() {
        "" => selected(&storage, descriptor, namespace, &reference.selector).await?,
        name => match storage.get_object(namespace, name).await {
            Ok(object) => vec![object],
            Err(status) if status.reason == Reason::NotFound => Vec::new(),
            Err(status) => return Err(status.message),
        },
    };
    if params.is_empty() && reference.parameter_not_found_action == "Deny" {
        return Err(
            "no params found for policy binding with `Deny` parameterNotFoundAction".to_owned(),
        );
    }
    Ok(params)
}

async fn selected(
    storage: &Storage,
    descriptor: &Arc<Descriptor>,
    namespace: &str,
    wanted: &Value,
) -> Result<Vec<Value>, String> {
    // As this server knows them: a write does not wait for those of others.
    let options = ListOptions {
        resource_version: Some(0),
        ..ListOptions::default()
    };
    let words = |status: skiff_api::Status| status.message;
    let filter = Filter::read(descriptor, &options).map_err(words)?;
    let listing = storage.list(namespace, &options, &filter).await;
    let wanted = selector(wanted);
    let mut chosen = Vec::new();
    for entry in listing.map_err(words)?.entries {
        let object = object_of(&entry.value).map_err(words)?;
        if wanted.matches(&metadata::labels(&object)) {
            chosen.push(object);
        }
    }
    match chosen.len() {
        ..=MOST => Ok(chosen),
        many => Err(format!(
            "{many} params are selected, which are more than {MOST}"
        )),
    }
}
