//! The informers of a process: each kind is watched once.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::BoxStream;
use k8s_openapi::NamespaceResourceScope;
use kube::core::ApiResource;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, Resource};
use parking_lot::Mutex;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::informer::{Informer, Listed, Watched};
use crate::text::Text;

/// Hands out one [`Informer`] a kind (and field selector), started at the first call. Cheap to clone.
#[derive(Clone)]
pub struct Informers(Arc<Shared>);

struct Shared {
    client: Client,
    shutdown: CancellationToken,
    tasks: TaskTracker,
    started: Mutex<Started>,
}

/// The informer of each kind and field selector.
type Started = HashMap<(TypeId, Option<String>), Box<dyn Any + Send>>;

impl Informers {
    /// Informers that list and watch through `client` until `shutdown`.
    pub fn new(client: Client, shutdown: CancellationToken) -> Self {
        Self(Arc::new(Shared {
            client,
            shutdown,
            tasks: TaskTracker::new(),
            started: Mutex::default(),
        }))
    }

    /// The cache of all objects of a kind, in every namespace.
    pub fn all<K: Watched>(&self) -> Informer<K> {
        self.start(None)
    }

    /// The cache of the objects of a kind that a field selector names, such as `spec.nodeName=n1`.
    pub fn with_fields<K: Watched>(&self, fields: &str) -> Informer<K> {
        self.start(Some(fields.to_owned()))
    }

    /// The cache of one object, which may be absent. Each call starts a watch of its own.
    pub fn one<K>(&self, namespace: &str, name: &str) -> Single<K>
    where
        K: Watched + Resource<Scope = NamespaceResourceScope>,
    {
        let informer = Informer::<K>::new();
        let kind = ApiResource::erase::<K>(&());
        let api = Api::namespaced_with(self.0.client.clone(), namespace, &kind);
        let fields = Some(format!("metadata.name={name}"));
        let shutdown = self.0.shutdown.child_token();
        self.spawn(reflect(api, fields, informer.clone()), shutdown.clone());
        Single {
            informer,
            _watching: shutdown.drop_guard(),
        }
    }

    /// Waits until every watch has ended, after the shutdown token was cancelled.
    pub async fn stopped(&self) {
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }

    fn start<K: Watched>(&self, fields: Option<String>) -> Informer<K> {
        let mut started = self.0.started.lock();
        let slot = started
            .entry((TypeId::of::<K>(), fields.clone()))
            .or_insert_with(|| {
                let informer = Informer::<K>::new();
                let kind = ApiResource::erase::<K>(&());
                let api = Api::all_with(self.0.client.clone(), &kind);
                let watching = reflect(api, fields, informer.clone());
                self.spawn(watching, self.0.shutdown.clone());
                Box::new(informer)
            });
        match slot.downcast_ref::<Informer<K>>() {
            Some(informer) => informer.clone(),
            None => unreachable!("the key of the slot is its type"),
        }
    }

    fn spawn(&self, watching: impl Future<Output = ()> + Send + 'static, until: CancellationToken) {
        self.0
            .tasks
            .spawn(async move { until.run_until_cancelled(watching).await });
    }
}

/// The [`Informer`] of one object, whose watch ends when this is dropped.
pub struct Single<K> {
    informer: Informer<K>,
    _watching: DropGuard,
}

impl<K> Deref for Single<K> {
    type Target = Informer<K>;

    fn deref(&self) -> &Informer<K> {
        &self.informer
    }
}

/// Keeps `informer` equal to the API server for ever; failures are logged and tried again.
async fn reflect<K: Watched>(api: Api<Text>, fields: Option<String>, informer: Informer<K>) {
    let mut changes = changes(api, fields);
    let mut listed = Listed::default();
    while let Some(change) = changes.next().await {
        match change {
            Ok(watcher::Event::Init) => listed = Listed::default(),
            Ok(watcher::Event::InitApply(text)) => read(&text, |object| listed.push(object)),
            Ok(watcher::Event::InitDone) => informer.replace(std::mem::take(&mut listed)),
            Ok(watcher::Event::Apply(text)) => read(&text, |object| informer.apply(object)),
            Ok(watcher::Event::Delete(text)) => read(&text, |object| informer.delete(object)),
            Err(error) => {
                tracing::warn!(kind = %K::kind(&()), error = &error as &dyn std::error::Error, "watch failed, trying again")
            }
        }
    }
}

fn changes(
    api: Api<Text>,
    fields: Option<String>,
) -> BoxStream<'static, watcher::Result<watcher::Event<Text>>> {
    let config = watcher::Config {
        field_selector: fields,
        timeout: Some(TIMEOUT.as_secs() as u32),
        ..watcher::Config::default()
    };
    watcher(api, config).default_backoff().boxed()
}

/// Hands on the object without the owners of its fields: nobody here asks, and they are a third of it.
fn read<K: Watched>(text: &Text, then: impl FnOnce(K)) {
    match text.read::<K>() {
        Ok(mut object) => {
            object.meta_mut().managed_fields = None;
            then(object);
        }
        // One that nobody can read is left out: the others must not be lost with it.
        Err(error) => tracing::error!(kind = %K::kind(&()), %error, "an object cannot be read"),
    }
}

/// How long one watch request lives before it is asked anew; the greatest that the kube client takes.
const TIMEOUT: Duration = Duration::from_secs(294);
