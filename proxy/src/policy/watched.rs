//! NetworkPolicies and what they select, as they change.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Namespace, Pod};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use skiff_client::{Change, Informer, Informers, Watched as Kind};
use tokio::sync::Notify;

use super::content::Content;
use super::selected::Cluster;

/// The caches. Pods and Namespaces are watched from the first policy on: a cluster without policies needs neither.
pub(super) struct Watched {
    node: String,
    informers: Informers,
    policies: Informer<NetworkPolicy>,
    selected: Option<(Informer<Pod>, Informer<Namespace>)>,
    changed: Arc<Notify>,
}

impl Watched {
    pub(super) fn new(informers: Informers, node: String) -> Self {
        let changed = Arc::new(Notify::new());
        let policies = informers.all();
        tell(&policies, &changed, |_| true);
        Self {
            node,
            informers,
            policies,
            selected: None,
            changed,
        }
    }

    /// Waits for the next change; many are one. Cancel-safe.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// What the table must hold; nothing without policies.
    pub(super) async fn content(&mut self) -> Option<Content> {
        self.policies.ready().await;
        let policies = self.policies.list();
        if policies.is_empty() {
            return None;
        }
        let (pods, namespaces) = self.selected.get_or_insert_with(|| {
            let (pods, namespaces) = (self.informers.all(), self.informers.all());
            tell(&pods, &self.changed, matters);
            tell(&namespaces, &self.changed, |_| true);
            (pods, namespaces)
        });
        tokio::join!(pods.ready(), namespaces.ready());
        let (pods, namespaces) = (pods.list(), namespaces.list());
        let cluster = Cluster::new(
            pods.iter().map(|pod| &**pod),
            namespaces.iter().map(|namespace| &**namespace),
        );
        let policies: Vec<_> = policies.iter().map(|policy| &**policy).collect();
        Some(Content::build(&policies, &cluster, &self.node))
    }
}

fn tell<K: Kind>(
    informer: &Informer<K>,
    changed: &Arc<Notify>,
    matters: impl Fn(&Change<K>) -> bool + Send + Sync + 'static,
) {
    let changed = changed.clone();
    informer.on_change(move |change| {
        if matters(change) {
            changed.notify_one();
        }
    });
}

/// Most changes of a Pod are of no interest: only its address, labels and end are.
fn matters(change: &Change<Pod>) -> bool {
    let Change::Updated { old, new } = change else {
        return true;
    };
    let seen = |pod: &Pod| {
        let status = pod.status.clone().unwrap_or_default();
        (pod.metadata.labels.clone(), status.pod_ip, status.phase)
    };
    seen(old) != seen(new)
}
