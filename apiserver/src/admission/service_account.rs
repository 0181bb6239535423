//! Gives a Pod its service account, and its containers the account's token.

use std::time::Duration;

use serde_json::{Value, json};
use skiff_api::{Descriptor, Status, metadata, names};
use skiff_store::Store;
use tokio::time;

use super::push;
use crate::codec::object_of;

const MOUNT_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
const VOLUME_PREFIX: &str = "kube-api-access-";
/// A little more than an hour tells a token that the server chose from one that a user chose.
const TOKEN_SECONDS: u32 = 3607;
/// The controller makes the account `default` just after its namespace.
const DEFAULT_ACCOUNT_TIMEOUT: Duration = Duration::from_secs(1);

pub(super) async fn admit(
    store: &Store,
    descriptor: &Descriptor,
    pod: &mut Value,
) -> Result<(), Status> {
    if metadata::annotation(pod, "kubernetes.io/config.mirror").is_some() {
        return Ok(());
    }
    let spec = &mut pod["spec"];
    let name = match spec["serviceAccountName"].as_str() {
        None | Some("") => "default".to_owned(),
        Some(name) => name.to_owned(),
    };
    spec["serviceAccountName"] = name.as_str().into();
    spec["serviceAccount"] = name.as_str().into();
    let account = find(store, metadata::namespace(pod), &name).await?;
    let account = account.ok_or_else(|| unknown(descriptor, pod, &name))?;
    let spec = &mut pod["spec"];
    let mounts = spec["automountServiceAccountToken"]
        .as_bool()
        .or(account["automountServiceAccountToken"].as_bool());
    if mounts.unwrap_or(true) {
        mount_token(spec);
    }
    inherit_pull_secrets(spec, &account);
    Ok(())
}

/// The account; `default` is waited for.
async fn find(store: &Store, namespace: &str, name: &str) -> Result<Option<Value>, Status> {
    let key = format!("/registry/core/serviceaccounts/{namespace}/{name}");
    let snapshot = store.snapshot();
    if let Some(entry) = snapshot.get(&key) {
        return object_of(&entry.value).map(Some);
    }
    if name != "default" {
        return Ok(None);
    }
    let Ok(mut watch) = store.watch(&key, snapshot.revision()) else {
        return Ok(None);
    };
    let appears = async {
        while watch.next().await.is_ok() {
            if let Some(entry) = store.snapshot().get(&key) {
                return Some(entry.value.clone());
            }
        }
        None
    };
    match time::timeout(DEFAULT_ACCOUNT_TIMEOUT, appears).await {
        Ok(Some(bytes)) => object_of(&bytes).map(Some),
        _ => Ok(None),
    }
}

fn unknown(descriptor: &Descriptor, pod: &Value, account: &str) -> Status {
    let namespace = metadata::namespace(pod);
    let why = format!(
        "error looking up service account {namespace}/{account}: serviceaccount {account:?} not found"
    );
    let name = match metadata::name(pod) {
        "" => metadata::generate_name(pod),
        name => name,
    };
    Status::forbidden(&descriptor.group_resource(), name, &why)
}

/// Adds the token's volume, and mounts it in every container that has no mount of its own in its place.
fn mount_token(spec: &mut Value) {
    let existing = spec["volumes"].as_array().into_iter().flatten();
    let existing = existing
        .filter_map(|volume| volume["name"].as_str())
        .find(|name| name.starts_with(VOLUME_PREFIX))
        .map(str::to_owned);
    let is_new = existing.is_none();
    let volume = existing.unwrap_or_else(|| names::generate_name(VOLUME_PREFIX));
    let mut used = false;
    for list in ["initContainers", "containers"] {
        let containers = spec.get_mut(list).and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten() {
            used |= mount_in(container, &volume);
        }
    }
    if used && is_new {
        push(&mut spec["volumes"], token_volume(&volume));
    }
}

fn mount_in(container: &mut Value, volume: &str) -> bool {
    let mut mounts = container["volumeMounts"].as_array().into_iter().flatten();
    if mounts.any(|mount| mount["mountPath"] == MOUNT_PATH) || !container.is_object() {
        return false;
    }
    let mount = json!({"name": volume, "readOnly": true, "mountPath": MOUNT_PATH});
    push(&mut container["volumeMounts"], mount);
    true
}

fn token_volume(name: &str) -> Value {
    json!({
        "name": name,
        "projected": {
            "defaultMode": 420,
            "sources": [
                {"serviceAccountToken": {"expirationSeconds": TOKEN_SECONDS, "path": "token"}},
                {"configMap": {
                    "name": "kube-root-ca.crt",
                    "items": [{"key": "ca.crt", "path": "ca.crt"}],
                }},
                {"downwardAPI": {"items": [{
                    "path": "namespace",
                    "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"},
                }]}},
            ],
        },
    })
}

fn inherit_pull_secrets(spec: &mut Value, account: &Value) {
    let own = spec["imagePullSecrets"]
        .as_array()
        .is_some_and(|secrets| !secrets.is_empty());
    let secrets = &account["imagePullSecrets"];
    if !own
        && secrets
            .as_array()
            .is_some_and(|secrets| !secrets.is_empty())
    {
        spec["imagePullSecrets"] = secrets.clone();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_container_without_a_token_gets_one() {
        let mut spec = json!({
            "initContainers": [{"name": "i"}],
            "containers": [
                {"name": "a", "volumeMounts": [{"name": "v", "mountPath": "/v"}]},
                {"name": "b", "volumeMounts": [{"name": "own", "mountPath": MOUNT_PATH}]},
            ],
        });
        mount_token(&mut spec);
        let volume = spec["volumes"][0]["name"].as_str().unwrap().to_owned();
        assert_eq!(volume.len(), VOLUME_PREFIX.len() + 5);
        assert_eq!(
            spec["initContainers"][0]["volumeMounts"][0]["name"],
            *volume
        );
        assert_eq!(spec["containers"][0]["volumeMounts"][1]["name"], *volume);
        assert_eq!(
            spec["containers"][1]["volumeMounts"]
                .as_array()
                .unwrap()
                .len(),
            1
        );

        let before = spec.clone();
        mount_token(&mut spec);
        assert_eq!(spec, before, "a second time it changes nothing");
    }
}
