//! Watches every resource, metadata only.

use std::future::Future;
use std::sync::Arc;

use anyhow::Context as _;
use futures::StreamExt;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Client;
use kube::core::{DynamicObject, PartialObjectMeta};
use kube::runtime::{WatchStreamExt, watcher};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::Resource;

/// An object of any kind, by its metadata.
pub(crate) type Meta = PartialObjectMeta<DynamicObject>;

/// How long one watch request lives, in seconds; the greatest that the kube client takes.
const TIMEOUT_SECONDS: u32 = 294;

/// What is seen of the objects of one resource.
#[derive(Debug)]
pub(crate) enum Seen {
    /// All that there are; those seen before and not listed are gone.
    Listed(Vec<ObjectMeta>),
    /// This one is new or changed.
    Applied(Box<ObjectMeta>),
    /// This one is gone.
    Gone(Box<ObjectMeta>),
}

/// Tells `handler` of every object of `resources` until `shutdown`, in the order of each resource.
///
/// The handler must be quick. The first it hears of a resource is a complete list.
pub(crate) async fn watch(
    client: Client,
    resources: Vec<Arc<Resource>>,
    handler: impl Fn(&Arc<Resource>, Seen) + Clone + Send + Sync + 'static,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let mut watching = JoinSet::new();
    for resource in resources {
        let watch = watch_one(client.clone(), resource, handler.clone());
        let shutdown = shutdown.clone();
        watching.spawn(async move { shutdown.run_until_cancelled(watch).await });
    }
    while let Some(ended) = watching.join_next().await {
        ended.context("a watch panicked")?;
    }
    Ok(())
}

fn watch_one(
    client: Client,
    resource: Arc<Resource>,
    handler: impl Fn(&Arc<Resource>, Seen) + Send + Sync,
) -> impl Future<Output = ()> + Send {
    let config = watcher::Config {
        timeout: Some(TIMEOUT_SECONDS),
        ..watcher::Config::default()
    };
    let mut changes = watcher(resource.objects(&client, ""), config)
        .default_backoff()
        .boxed();
    async move {
        let mut listed = Vec::new();
        while let Some(change) = changes.next().await {
            match change {
                Ok(watcher::Event::Init) => listed.clear(),
                Ok(watcher::Event::InitApply(object)) => listed.push(object.metadata),
                Ok(watcher::Event::InitDone) => {
                    handler(&resource, Seen::Listed(std::mem::take(&mut listed)))
                }
                Ok(watcher::Event::Apply(object)) => {
                    handler(&resource, Seen::Applied(Box::new(object.metadata)))
                }
                Ok(watcher::Event::Delete(object)) => {
                    handler(&resource, Seen::Gone(Box::new(object.metadata)))
                }
                Err(error) => {
                    let resource = resource.display_name();
                    tracing::warn!(
                        resource,
                        error = &error as &dyn std::error::Error,
                        "watch failed, trying again"
                    );
                }
            }
        }
    }
}
