//! The objects that the node's Pods refer to. ConfigMaps and Secrets are watched one by one and only while a Pod here names
//! them, for that is all that a node may read
//! (<https://kubernetes.io/docs/reference/access-authn-authz/node/>).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret, Service};
use k8s_openapi::api::node::v1::RuntimeClass;
use kube::{Api, Client, Resource};
use parking_lot::Mutex;
use skiff_client::{Informer, Informers, ObjectKey, Single, Watched};

use crate::pods::Sources;

/// The objects that Pods refer to.
pub(crate) struct Objects {
    pub(crate) client: Client,
    pub(crate) config_maps: Referenced<ConfigMap>,
    pub(crate) secrets: Referenced<Secret>,
    services: Informer<Service>,
}

impl Objects {
    pub(crate) fn new(client: Client, informers: &Informers) -> Self {
        Self {
            config_maps: Referenced::new(client.clone(), informers.clone()),
            secrets: Referenced::new(client.clone(), informers.clone()),
            services: informers.all(),
            client,
        }
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
            if let Some(found) = self.config_maps.get(namespace, name).await? {
                sources.config_maps.insert((*name).to_owned(), found);
            }
        }
        for name in secrets {
            if let Some(found) = self.secrets.get(namespace, name).await? {
                sources.secrets.insert((*name).to_owned(), found);
            }
        }
        Ok(sources)
    }

    /// The handler that the Pod's RuntimeClass names; empty for a Pod without one.
    ///
    /// # Errors
    /// If there is no such class, or the API server does not answer: in words for an event.
    pub(crate) async fn runtime_handler(&self, pod: &Pod) -> Result<String, String> {
        let spec = pod.spec.as_ref();
        let name = spec.and_then(|spec| spec.runtime_class_name.as_deref());
        let Some(name) = name.filter(|name| !name.is_empty()) else {
            return Ok(String::new());
        };
        // Asked for each time, for few Pods have one.
        let api: Api<RuntimeClass> = Api::all(self.client.clone());
        match api.get_opt(name).await {
            Ok(Some(class)) => Ok(class.handler),
            Ok(None) => Err(format!("RuntimeClass {name:?} not found")),
            Err(error) => Err(format!("get RuntimeClass {name:?}: {error}")),
        }
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

/// Objects of one kind, each watched while it is kept.
pub(crate) struct Referenced<K> {
    client: Client,
    informers: Informers,
    kept: Mutex<HashMap<ObjectKey, Single<K>>>,
}

impl<K> Referenced<K>
where
    K: Watched + Resource<Scope = NamespaceResourceScope>,
{
    fn new(client: Client, informers: Informers) -> Self {
        Self {
            client,
            informers,
            kept: Mutex::default(),
        }
    }

    /// Watches these objects and no others; `changed` is called when one of them comes, changes or goes.
    pub(crate) fn keep(
        &self,
        wanted: HashSet<ObjectKey>,
        changed: impl Fn(&ObjectKey) + Clone + Send + Sync + 'static,
    ) {
        let mut kept = self.kept.lock();
        kept.retain(|key, _| wanted.contains(key));
        for key in wanted {
            kept.entry(key).or_insert_with_key(|key| {
                let watched = self.informers.one(&key.namespace, &key.name);
                let (key, changed) = (key.clone(), changed.clone());
                watched.on_change(move |_| changed(&key));
                watched
            });
        }
    }

    /// The object of that name. One that is not in a cache may be new: the API server is asked.
    pub(crate) async fn get(&self, namespace: &str, name: &str) -> kube::Result<Option<Arc<K>>> {
        let key = ObjectKey::new(namespace, name);
        let known = self.kept.lock().get(&key).and_then(|kept| kept.get(&key));
        if known.is_some() {
            return Ok(known);
        }
        let api: Api<K> = Api::namespaced(self.client.clone(), namespace);
        Ok(api.get_opt(name).await?.map(Arc::new))
    }
}
