//! What all Pods of the node share, but for the runtime.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret, Service};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::{Api, Client};
use skiff_client::{Informer, Informers, ObjectKey, Recorder};

use crate::config::{Config, Paths};
use crate::node::Machine;
use crate::pods::{Resolvers, Sources};
use crate::volumes::Tokens;

/// The node as its Pods see it.
pub(crate) struct Host {
    pub(crate) config: Config,
    pub(crate) paths: Paths,
    pub(crate) cgroup_parent: String,
    pub(crate) machine: Machine,
    /// What the node has for Pods.
    pub(crate) allocatable: BTreeMap<String, Quantity>,
    pub(crate) resolvers: Resolvers,
    pub(crate) objects: Objects,
    pub(crate) tokens: Tokens,
    pub(crate) recorder: Recorder,
}

/// The objects that Pods refer to.
pub(crate) struct Objects {
    pub(crate) client: Client,
    pub(crate) config_maps: Informer<ConfigMap>,
    pub(crate) secrets: Informer<Secret>,
    pub(crate) services: Informer<Service>,
}

impl Objects {
    pub(crate) fn new(client: Client, informers: &Informers) -> Self {
        Self {
            client,
            config_maps: informers.all(),
            secrets: informers.all(),
            services: informers.all(),
        }
    }

    /// The ConfigMap of that name. One that is not in the cache may be new: the API server is asked.
    pub(crate) async fn config_map(
        &self,
        namespace: &str,
        name: &str,
    ) -> kube::Result<Option<Arc<ConfigMap>>> {
        if let Some(known) = self.config_maps.get(&ObjectKey::new(namespace, name)) {
            return Ok(Some(known));
        }
        let api: Api<ConfigMap> = Api::namespaced(self.client.clone(), namespace);
        Ok(api.get_opt(name).await?.map(Arc::new))
    }

    /// The Secret of that name. One that is not in the cache may be new: the API server is asked.
    pub(crate) async fn secret(
        &self,
        namespace: &str,
        name: &str,
    ) -> kube::Result<Option<Arc<Secret>>> {
        if let Some(known) = self.secrets.get(&ObjectKey::new(namespace, name)) {
            return Ok(Some(known));
        }
        let api: Api<Secret> = Api::namespaced(self.client.clone(), namespace);
        Ok(api.get_opt(name).await?.map(Arc::new))
    }

    /// What of these names there is.
    pub(crate) async fn sources(
        &self,
        namespace: &str,
        config_maps: &[&str],
        secrets: &[&str],
    ) -> kube::Result<Sources> {
        let mut sources = Sources::default();
        for name in config_maps {
            if let Some(found) = self.config_map(namespace, name).await? {
                sources.config_maps.insert((*name).to_owned(), found);
            }
        }
        for name in secrets {
            if let Some(found) = self.secret(namespace, name).await? {
                sources.secrets.insert((*name).to_owned(), found);
            }
        }
        Ok(sources)
    }

    /// The Services that the Pod's containers have variables of: those of its namespace unless it does not want them, and
    /// `default/kubernetes` always.
    pub(crate) async fn services_of(&self, pod: &Pod) -> Vec<Arc<Service>> {
        self.services.ready().await;
        let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
        let spec = pod.spec.as_ref();
        let wants_all = spec.and_then(|spec| spec.enable_service_links) != Some(false);
        let mut services = Vec::new();
        if let Some(kubernetes) = self.services.get(&ObjectKey::new("default", "kubernetes")) {
            services.push(kubernetes);
        }
        if wants_all {
            services.extend(self.services.list_in(namespace));
        }
        services
    }
}
