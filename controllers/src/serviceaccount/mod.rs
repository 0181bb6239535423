//! Every namespace has a ServiceAccount `default` and the certificates of the cluster's CA
//! (<https://kubernetes.io/docs/concepts/security/service-accounts/>).

mod plan;
mod reconcile;

use std::sync::Arc;

use k8s_openapi::api::core::v1::{ConfigMap, Namespace, ServiceAccount};
use kube::ResourceExt;
use skiff_client::{Informer, ObjectKey, Watched, WorkQueue};

use crate::context::Context;
use crate::ownership::wake_on_change;
use reconcile::Reconciler;

/// Namespaces that are reconciled at a time.
const WORKERS: usize = 2;

/// Keeps the two in every namespace, until shutdown.
pub(crate) async fn run(context: Context) -> anyhow::Result<()> {
    let named = |name: &str| format!("metadata.name={name}");
    let namespaces: Informer<Namespace> = context.informers.all();
    let accounts: Informer<ServiceAccount> = context.informers.with_fields(&named(plan::ACCOUNT));
    let authorities: Informer<ConfigMap> = context.informers.with_fields(&named(plan::AUTHORITY));
    let queue = WorkQueue::new();
    wake_on_change(&namespaces, &queue);
    wake_namespace(&accounts, &queue);
    wake_namespace(&authorities, &queue);
    let ready = async {
        namespaces.ready().await;
        accounts.ready().await;
        authorities.ready().await;
    };
    let reconciler = Arc::new(Reconciler {
        context: context.clone(),
        publisher: context.client_of("root-ca-cert-publisher"),
        namespaces: namespaces.clone(),
        accounts: accounts.clone(),
        authorities: authorities.clone(),
    });
    context
        .reconcile("serviceaccount", ready, queue, WORKERS, move |key| {
            let reconciler = reconciler.clone();
            async move { reconciler.reconcile(key).await }
        })
        .await
}

fn wake_namespace<K: Watched>(informer: &Informer<K>, queue: &WorkQueue<ObjectKey>) {
    let queue = queue.clone();
    informer.on_change(move |change| {
        let namespace = change.object().namespace().unwrap_or_default();
        queue.add(ObjectKey::cluster(namespace));
    });
}
