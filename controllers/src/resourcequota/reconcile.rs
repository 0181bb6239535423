//! One quota: counts and writes.

use kube::api::{ListParams, PostParams};
use kube::core::{ApiResource, DynamicObject};
use kube::{Api, Client};
use serde_json::Value;
use skiff_client::{Next, ObjectKey};

use super::plan::{counted, parts, status};
use crate::resources::discover;

pub(super) struct Reconciler {
    pub(super) client: Client,
}

impl Reconciler {
    /// Every write that the quota is about changes the quota as well. So objects that are listed after it was read are
    /// what it is to say, unless it has changed again when its status is written; then that is refused.
    pub(super) async fn reconcile(&self, key: ObjectKey) -> anyhow::Result<Next> {
        let quotas = Api::<DynamicObject>::namespaced_with(
            self.client.clone(),
            &key.namespace,
            &ApiResource::erase::<k8s_openapi::api::core::v1::ResourceQuota>(&()),
        );
        // Its account may list, but not get.
        let this = ListParams::default().fields(&format!("metadata.name={}", key.name));
        let Some(mut quota) = quotas.list(&this).await?.items.pop() else {
            return Ok(Next::Done);
        };
        let seen = serde_json::to_value(&quota)?;
        let mut objects = Vec::new();
        let resources = discover(&self.client).await?;
        for resource in counted(&seen) {
            let (group, plural) = parts(&resource);
            let known = resources
                .iter()
                .find(|known| known.api.group == group && known.api.plural == plural);
            // What is not served has no objects.
            if let Some(known) = known {
                objects.push((resource, self.list(&key.namespace, &known.api).await?));
            }
        }
        let status = status(&seen, &objects);
        if seen["status"] != status {
            quota.data["status"] = status;
            quotas
                .replace_status(&key.name, &PostParams::default(), &quota)
                .await?;
        }
        Ok(Next::Done)
    }

    async fn list(&self, namespace: &str, resource: &ApiResource) -> anyhow::Result<Vec<Value>> {
        let api: Api<DynamicObject> =
            Api::namespaced_with(self.client.clone(), namespace, resource);
        let listed = api.list(&ListParams::default()).await?;
        let values = listed.items.into_iter().map(serde_json::to_value);
        Ok(values.collect::<Result<_, _>>()?)
    }
}
