//! Whether the built-in server of Ingresses needs its ports.

use k8s_openapi::api::networking::v1::{Ingress, IngressClass};
use skiff_api::ingresses::{is_of, own_classes};
use skiff_client::{Informer, Informers};

/// The Ingresses and their classes. Cheap to clone.
#[derive(Clone)]
pub(super) struct Ingresses {
    all: Informer<Ingress>,
    classes: Informer<IngressClass>,
}

impl Ingresses {
    pub(super) fn new(informers: &Informers) -> Self {
        Self {
            all: informers.all(),
            classes: informers.all(),
        }
    }

    /// Calls `changed` for each change that may give the ports away, or take them.
    pub(super) fn on_change(&self, changed: impl Fn() + Clone + Send + Sync + 'static) {
        let of_class = changed.clone();
        self.all.on_change(move |_| changed());
        self.classes.on_change(move |_| of_class());
    }

    pub(super) async fn ready(&self) {
        tokio::join!(self.all.ready(), self.classes.ready());
    }

    /// Whether there is one of the built-in server's classes.
    pub(super) fn are_served(&self) -> bool {
        let classes = self.classes.list();
        let own = own_classes(classes.iter().map(|class| &**class));
        let all = self.all.list();
        all.iter().any(|ingress| is_of(ingress, &own))
    }
}
