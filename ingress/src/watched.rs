//! What of the cluster is watched.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Secret, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::{Ingress, IngressClass};
use kube::ResourceExt;
use rustls::sign::CertifiedKey;
use skiff_api::ingresses::{is_of, own_classes};
use skiff_client::{Index, Informer, Informers, ObjectKey, Single};
use tokio::sync::Notify;

use crate::plan::Seen;
use crate::{certificates, plan};

/// The label by which an EndpointSlice names its Service.
const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// The caches, and the one bell that every change rings.
pub(crate) struct Watched {
    informers: Informers,
    pub(crate) ingresses: Informer<Ingress>,
    classes: Informer<IngressClass>,
    services: Informer<Service>,
    slices: Informer<EndpointSlice>,
    slices_of: Index<EndpointSlice>,
    secrets: HashMap<ObjectKey, Watching>,
    pub(crate) changed: Arc<Notify>,
}

/// A Secret that an Ingress names, watched as long as one does.
struct Watching {
    secret: Single<Secret>,
    /// Of which version the certificate is.
    version: Option<String>,
    certificate: Option<Arc<CertifiedKey>>,
}

impl Watched {
    pub(crate) fn new(informers: &Informers) -> Self {
        let slices = informers.all::<EndpointSlice>();
        let watched = Self {
            informers: informers.clone(),
            ingresses: informers.all(),
            classes: informers.all(),
            services: informers.all(),
            slices_of: slices.index(|slice| service_of(slice).into_iter().collect()),
            slices,
            secrets: HashMap::new(),
            changed: Arc::default(),
        };
        let bell = || {
            let changed = watched.changed.clone();
            move || changed.notify_one()
        };
        let (one, two, three, four) = (bell(), bell(), bell(), bell());
        watched.ingresses.on_change(move |_| one());
        watched.classes.on_change(move |_| two());
        watched.services.on_change(move |_| three());
        watched.slices.on_change(move |_| four());
        watched
    }

    /// Waits until the caches are filled: an incomplete table would lose requests.
    pub(crate) async fn ready(&self) {
        tokio::join!(
            self.ingresses.ready(),
            self.classes.ready(),
            self.services.ready(),
            self.slices.ready()
        );
    }

    /// Everything that the table is made of.
    pub(crate) async fn seen(&mut self) -> Seen {
        let classes = self.classes.list();
        let own = own_classes(classes.iter().map(|class| &**class));
        let mut ingresses = self.ingresses.list();
        ingresses.retain(|ingress| is_of(ingress, &own));
        let named: BTreeSet<ObjectKey> = all(&ingresses, plan::services_of);
        let service = |key: ObjectKey| {
            let slices = self.slices_of.get(&key.to_string());
            Some((key.clone(), (self.services.get(&key)?, slices)))
        };
        let services = named.into_iter().filter_map(service).collect();
        let certificates = self.certificates(all(&ingresses, plan::secrets_of)).await;
        Seen {
            ingresses,
            services,
            certificates,
        }
    }

    async fn certificates(
        &mut self,
        named: HashSet<ObjectKey>,
    ) -> HashMap<ObjectKey, Arc<CertifiedKey>> {
        self.secrets.retain(|key, _| named.contains(key));
        for key in named {
            let (informers, changed) = (&self.informers, &self.changed);
            self.secrets.entry(key).or_insert_with_key(|key| {
                let secret = informers.one::<Secret>(&key.namespace, &key.name);
                let changed = changed.clone();
                secret.on_change(move |_| changed.notify_one());
                Watching {
                    secret,
                    version: None,
                    certificate: None,
                }
            });
        }
        let mut found = HashMap::new();
        for (key, watching) in &mut self.secrets {
            watching.secret.ready().await;
            watching.read(key);
            found.extend(watching.certificate.clone().map(|one| (key.clone(), one)));
        }
        found
    }
}

impl Watching {
    fn read(&mut self, key: &ObjectKey) {
        let secret = self.secret.get(key);
        let version = secret.as_ref().and_then(|secret| secret.resource_version());
        if secret.is_some() && version == self.version {
            return;
        }
        self.version = version;
        let read = secret
            .map(|secret| certificates::of_secret(&secret))
            .transpose();
        self.certificate = read
            .unwrap_or_else(|error| {
                tracing::warn!(secret = %key, error = format!("{error:#}"), "no certificate for an Ingress");
                None
            })
            .map(Arc::new);
    }
}

fn all<C: FromIterator<ObjectKey>>(
    ingresses: &[Arc<Ingress>],
    names: impl Fn(&Ingress) -> BTreeSet<ObjectKey>,
) -> C {
    ingresses
        .iter()
        .flat_map(|ingress| names(ingress))
        .collect()
}

fn service_of(slice: &EndpointSlice) -> Option<String> {
    let name = slice.labels().get(SERVICE_NAME)?;
    Some(ObjectKey::new(slice.namespace().unwrap_or_default(), name).to_string())
}
