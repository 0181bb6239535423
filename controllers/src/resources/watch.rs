//! Watches resources that come and go, metadata only.

use std::future::Future;
use std::sync::Arc;

use anyhow::Context as _;
use futures::StreamExt;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Client;
use kube::runtime::{WatchStreamExt, watcher};
use tokio::task::JoinSet;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::Resource;

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

/// The watches of a set of resources that may change.
pub(crate) struct Watches<H> {
    client: Client,
    handler: H,
    shutdown: CancellationToken,
    running: JoinSet<()>,
    followed: Vec<(Arc<Resource>, DropGuard)>,
}

impl<H: Fn(&Arc<Resource>, Seen) + Clone + Send + Sync + 'static> Watches<H> {
    /// No watches yet. `handler` is told of every object until `shutdown`, in the order of each resource.
    ///
    /// It must be quick. The first it hears of a resource is a complete list.
    pub(crate) fn new(client: Client, handler: H, shutdown: CancellationToken) -> Self {
        Self {
            client,
            handler,
            shutdown,
            running: JoinSet::new(),
            followed: Vec::new(),
        }
    }

    /// Watches these from now on, and no others. A resource in another version is another one.
    ///
    /// Returns those that were watched before and are no longer.
    pub(crate) fn follow(&mut self, resources: Vec<Resource>) -> Vec<Arc<Resource>> {
        let (kept, dropped): (Vec<_>, Vec<_>) = std::mem::take(&mut self.followed)
            .into_iter()
            .partition(|(known, _)| resources.contains(known));
        self.followed = kept;
        for resource in resources {
            if !self.followed.iter().any(|(known, _)| **known == resource) {
                self.start(Arc::new(resource));
            }
        }
        dropped.into_iter().map(|(resource, _)| resource).collect()
    }

    /// What is watched.
    pub(crate) fn followed(&self) -> Vec<Arc<Resource>> {
        let resources = self.followed.iter().map(|(resource, _)| resource);
        resources.cloned().collect()
    }

    /// Waits until all watches have ended, which they do at shutdown.
    ///
    /// # Errors
    /// If one panicked.
    pub(crate) async fn ended(&mut self) -> anyhow::Result<()> {
        while let Some(ended) = self.running.join_next().await {
            ended.context("a watch panicked")?;
        }
        Ok(())
    }

    fn start(&mut self, resource: Arc<Resource>) {
        let until = self.shutdown.child_token();
        let watch = watch(&self.client, resource.clone(), self.handler.clone());
        self.followed.push((resource, until.clone().drop_guard()));
        self.running.spawn(async move {
            until.run_until_cancelled(watch).await;
        });
    }
}

fn watch<H>(
    client: &Client,
    resource: Arc<Resource>,
    handler: H,
) -> impl Future<Output = ()> + Send + use<H>
where
    H: Fn(&Arc<Resource>, Seen) + Send + Sync,
{
    let config = watcher::Config {
        timeout: Some(TIMEOUT_SECONDS),
        ..watcher::Config::default()
    };
    let mut changes = watcher(resource.objects(client, ""), config)
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
