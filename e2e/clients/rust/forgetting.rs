//! A large object that is changed until the server has forgotten what was before.

use anyhow::Result;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use serde_json::json;

/// Near the limit of an object.
const BYTES: usize = 1_000_000;
/// A change keeps the object as it was and as it is; together they are more than the 32 MiB that skiff remembers.
const CHANGES: usize = 20;

pub(crate) async fn run(client: Client) -> Result<()> {
    let maps: Api<ConfigMap> = Api::default_namespaced(client);
    let forgetful = PatchParams::apply("forgetful");
    for number in 0..CHANGES {
        let data = json!({"number": number.to_string(), "filling": "x".repeat(BYTES)});
        let metadata = json!({"name": "large"});
        let large =
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data});
        maps.patch("large", &forgetful, &Patch::Apply(large))
            .await?;
    }
    Ok(())
}
