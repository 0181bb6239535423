//! How many Pods there should be, as those who make them say.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::autoscaling::v1::Scale;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::core::{DynamicObject, GroupVersionKind};
use kube::{Api, Client, ResourceExt};
use skiff_client::{Informer, ObjectKey};
use std::sync::Arc;

use crate::ownership::controller_of;
use crate::resources::resource_of;
use crate::writes::{is_gone, words};

/// Who make Pods.
pub(super) struct Scales {
    pub(super) client: Client,
    pub(super) deployments: Informer<Deployment>,
    pub(super) replica_sets: Informer<ReplicaSet>,
    pub(super) stateful_sets: Informer<StatefulSet>,
}

/// What the makers of some Pods want.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Expected {
    /// How many Pods all of them want together.
    pub(super) pods: i32,
    /// Pods that nobody made.
    pub(super) unmanaged: Vec<String>,
}

impl Scales {
    /// What the makers of these Pods want; an error, in words for the status, if one of them has no scale.
    pub(super) async fn expected(
        &self,
        namespace: &str,
        pods: &[Arc<Pod>],
    ) -> Result<Expected, String> {
        let mut expected = Expected::default();
        let mut makers: BTreeMap<&str, &OwnerReference> = BTreeMap::new();
        for pod in pods {
            match controller_of(&**pod) {
                Some(maker) => drop(makers.insert(&maker.uid, maker)),
                None => expected.unmanaged.push(pod.name_any()),
            }
        }
        // Old and new ReplicaSets of a Deployment stand for one count.
        let mut wanted: BTreeMap<String, i32> = BTreeMap::new();
        for (uid, maker) in makers {
            let (of, replicas) = match self.cached(namespace, maker) {
                Some(known) => known,
                None => (uid.to_owned(), self.asked(namespace, maker).await?),
            };
            wanted.insert(of, replicas);
        }
        expected.pods = wanted.values().sum();
        Ok(expected)
    }

    /// The uid of who wants the Pods, and how many.
    fn cached(&self, namespace: &str, maker: &OwnerReference) -> Option<(String, i32)> {
        let key = ObjectKey::new(namespace, &maker.name);
        match maker.kind.as_str() {
            "ReplicaSet" => {
                let set = self.replica_sets.get(&key)?;
                let deployment = controller_of(&*set).filter(|owner| owner.kind == "Deployment");
                if let Some(owner) = deployment {
                    let deployment = self
                        .deployments
                        .get(&ObjectKey::new(namespace, &owner.name))?;
                    let replicas = deployment.spec.as_ref()?.replicas.unwrap_or(1);
                    return Some((owner.uid.clone(), replicas));
                }
                Some((maker.uid.clone(), set.spec.as_ref()?.replicas.unwrap_or(1)))
            }
            "StatefulSet" => {
                let set = self.stateful_sets.get(&key)?;
                let replicas = set.spec.as_ref()?.replicas.unwrap_or(1);
                Some((maker.uid.clone(), replicas))
            }
            _ => None,
        }
    }

    /// What the `scale` subresource says; 0 if the maker is gone.
    async fn asked(&self, namespace: &str, maker: &OwnerReference) -> Result<i32, String> {
        let (group, version) = maker
            .api_version
            .split_once('/')
            .unwrap_or(("", &maker.api_version));
        let kind = GroupVersionKind::gvk(group, version, &maker.kind);
        let resource = resource_of(&self.client, &kind).await?;
        let owners: Api<DynamicObject> =
            Api::namespaced_with(self.client.clone(), namespace, &resource);
        let request = kube::core::Request::new(owners.resource_url())
            .get_subresource("scale", &maker.name)
            .map_err(|error| error.to_string())?;
        match self.client.request::<Scale>(request).await {
            Ok(scale) => Ok(scale.spec.and_then(|spec| spec.replicas).unwrap_or(0)),
            Err(error) if is_gone(&error) && words(&error).ends_with("not found") => Ok(0),
            Err(error) if is_gone(&error) => {
                let name = match group {
                    "" => resource.plural,
                    group => format!("{}.{group}", resource.plural),
                };
                Err(format!("{name} does not implement the scale subresource"))
            }
            Err(error) => Err(error.to_string()),
        }
    }
}
