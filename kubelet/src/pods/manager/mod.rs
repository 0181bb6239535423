//! Gives each Pod of the node a worker, and each worker its news.

mod listing;
mod references;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use skiff_client::{Informer, Informers, ObjectKey, WorkQueue};
use tokio::sync::mpsc;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use self::references::Changed;
use super::admission::{self, Shared};
use super::context::Context;
use super::inbox::{Inbox, Mail};
use super::object;
use super::orders::{self, Eviction, Order, Orders};
use super::worker::Worker;
use crate::runtime::{PodState, Runtime, RuntimeEvent};
use crate::volumes;

/// The workers of the node.
pub(crate) struct Manager<R> {
    context: Arc<Context<R>>,
    pods: Informer<Pod>,
    /// What the Pods refer to and has changed.
    references: WorkQueue<Changed>,
    orders: (Orders, mpsc::Receiver<Order>),
    /// Cancelled when the workers are to stop.
    stopping: CancellationToken,
    workers: HashMap<String, Running>,
    tasks: JoinSet<anyhow::Result<()>>,
    uids: HashMap<Id, String>,
    is_started: bool,
    /// When to list anew, after a worker or a list failed.
    list_at: Option<Instant>,
}

/// How long a Pod whose worker failed waits for its next one.
const WORKER_AGAIN: Duration = Duration::from_secs(10);

/// A worker at work.
struct Running {
    pod: Arc<Pod>,
    inbox: Arc<Inbox>,
    /// The node does not take the Pod: the worker only says so.
    is_refused: bool,
}

impl<R: Runtime> Manager<R> {
    /// A manager of the Pods that the API server has bound to this node.
    pub(crate) fn new(context: Arc<Context<R>>, informers: &Informers) -> Self {
        let selector = format!("spec.nodeName={}", context.host.config.node_name);
        Self {
            context,
            pods: informers.with_fields(&selector),
            references: WorkQueue::new(),
            orders: orders::orders(),
            stopping: CancellationToken::new(),
            workers: HashMap::new(),
            tasks: JoinSet::new(),
            uids: HashMap::new(),
            is_started: false,
            list_at: None,
        }
    }

    /// The cache of the Pods of this node.
    pub(crate) fn pods(&self) -> Informer<Pod> {
        self.pods.clone()
    }

    /// Where the workers are told that Pods must go.
    pub(crate) fn orders(&self) -> Orders {
        self.orders.0.clone()
    }

    /// Works until `shutdown`. What runs in containers goes on.
    ///
    /// # Errors
    /// If the runtime is gone for good.
    pub(crate) async fn run(mut self, shutdown: CancellationToken) -> anyhow::Result<()> {
        let queue = WorkQueue::new();
        let changed = self.references.clone();
        // Before the API server has told what is wanted, nothing that runs may be touched.
        if shutdown
            .run_until_cancelled(self.pods.ready())
            .await
            .is_none()
        {
            return Ok(());
        }
        let keys = queue.clone();
        self.pods
            .on_change(move |change| keys.add(ObjectKey::of(&**change.object())));
        let mut events = self.context.runtime.events();
        loop {
            tokio::select! {
                // All arms are cancel-safe: each takes one thing or nothing.
                key = queue.next(), if self.is_started => {
                    self.pod_changed(&key);
                    queue.done(&key);
                }
                reference = changed.next() => {
                    self.reference_changed(&reference);
                    changed.done(&reference);
                }
                event = events.next() => match event {
                    Some(event) => self.runtime_told(event).await,
                    None => anyhow::bail!("the container runtime is gone"),
                },
                Some(order) = self.orders.1.recv() => self.obey(order),
                Some(ended) = self.tasks.join_next_with_id() => self.worker_ended(ended),
                () = until(self.list_at) => {
                    self.list_at = None;
                    self.list().await;
                }
                () = shutdown.cancelled() => break,
            }
        }
        self.stopping.cancel();
        while self.tasks.join_next().await.is_some() {}
        Ok(())
    }

    /// A Pod of that name is new, changed or gone; one that was replaced by another is gone too.
    fn pod_changed(&mut self, key: &ObjectKey) {
        let pod = self.pods.get(key);
        let uid = pod.as_deref().map(object::uid);
        for (known, worker) in &self.workers {
            if object::key(&worker.pod) == *key && Some(known.as_str()) != uid {
                worker.inbox.put(|mail| mail.is_gone = true);
            }
        }
        if let Some(pod) = pod {
            self.give(pod);
        }
    }

    /// Gives a Pod to its worker; a Pod that has none gets one.
    fn give(&mut self, pod: Arc<Pod>) {
        match self.workers.get_mut(object::uid(&pod)) {
            Some(worker) => {
                // An ephemeral container may name more.
                let names_others = volumes::references(&worker.pod) != volumes::references(&pod);
                worker.pod = pod.clone();
                worker.inbox.put(|mail| mail.pod = Some(pod));
                if names_others {
                    self.watch_references();
                }
            }
            // Its worker failed: it gets a new one with what the runtime has.
            None if self.list_at.is_some() => {}
            None => self.start(pod, Vec::new(), false),
        }
    }

    fn start(&mut self, pod: Arc<Pod>, listed: Vec<PodState>, is_gone: bool) {
        let uid = object::uid(&pod).to_owned();
        let inbox = Arc::new(Inbox::default());
        if is_gone {
            inbox.put(|mail| mail.is_gone = true);
        }
        let is_new = listed.is_empty() && !is_gone && !has_started(&pod);
        let mut worker = Worker::new(self.context.clone(), inbox.clone(), pod.clone(), listed);
        let refusal = is_new.then(|| self.refusal(&pod)).flatten();
        let is_refused = refusal.is_some();
        if let Some(eviction) = refusal {
            worker.evict(eviction, None);
        }
        let task = self.tasks.spawn(worker.run(self.stopping.clone()));
        self.uids.insert(task.id(), uid.clone());
        let running = Running {
            pod,
            inbox,
            is_refused,
        };
        self.workers.insert(uid, running);
        self.watch_references();
    }

    /// Why the node does not take a Pod that has come, if so.
    fn refusal(&self, pod: &Pod) -> Option<Eviction> {
        let all = self.pods.list();
        let taken = all.iter().map(|other| &**other).filter(|other| {
            let uid = object::uid(other);
            let worker = self.workers.get(uid);
            let is_taken = worker.map_or(has_started(other), |worker| !worker.is_refused);
            is_taken && uid != object::uid(pod) && !object::is_terminal(other)
        });
        let host = &self.context.host;
        let shared = Shared {
            allocatable: &host.allocatable,
            pods: &taken.collect::<Vec<_>>(),
        };
        let pressure = *self.context.pressure.borrow();
        let allowed = &host.config.allowed_unsafe_sysctls;
        admission::refusal(pressure, &host.machine, allowed, &shared, pod)
    }

    /// A worker has nothing left to do, or panicked: then its Pod gets a new one, with what the runtime has.
    fn worker_ended(&mut self, ended: Result<(Id, anyhow::Result<()>), JoinError>) {
        let (id, problem) = match ended {
            Ok((id, Ok(()))) => (id, None),
            Ok((id, Err(error))) => (id, Some(error)),
            Err(error) => (error.id(), Some(error.into())),
        };
        let Some(uid) = self.uids.remove(&id) else {
            return;
        };
        self.workers.remove(&uid);
        self.watch_references();
        if let Some(error) = problem {
            tracing::error!(
                uid,
                error = format!("{error:#}"),
                "the Pod's worker failed, it gets a new one"
            );
            self.list_at = Some(Instant::now() + WORKER_AGAIN);
        }
    }

    async fn runtime_told(&mut self, event: RuntimeEvent) {
        match event {
            RuntimeEvent::Gap => self.list().await,
            // What the worker starts it does not know yet, and looks at itself. One that was being started when skiff was
            // killed is known as made only, and may have started since.
            RuntimeEvent::ContainerStarted { id, pod_uid }
            | RuntimeEvent::ContainerExited { id, pod_uid } => {
                self.tell(&pod_uid, |mail| mail.containers.insert(id));
            }
            RuntimeEvent::SandboxExited { id, pod_uid } => {
                self.tell(&pod_uid, |mail| mail.sandboxes.insert(id));
            }
            // The reason of an exit says that memory was short.
            RuntimeEvent::OutOfMemory { .. } => {}
        }
    }

    fn tell(&self, pod_uid: &str, add: impl FnOnce(&mut Mail) -> bool) {
        if let Some(worker) = self.workers.get(pod_uid) {
            worker.inbox.put(|mail| {
                add(mail);
            });
        }
    }

    fn obey(&self, order: Order) {
        match order {
            Order::Evict {
                uid,
                eviction,
                done,
            } => {
                if let Some(worker) = self.workers.get(&uid) {
                    worker.inbox.put(|mail| mail.evict = Some((eviction, done)));
                }
            }
            Order::Reclaim { done } => {
                for worker in self.workers.values() {
                    worker.inbox.put(|mail| mail.reclaim = Some(done.clone()));
                }
            }
        }
    }
}

/// Whether a kubelet has taken the Pod before.
fn has_started(pod: &Pod) -> bool {
    let status = pod.status.as_ref();
    status.is_some_and(|status| status.start_time.is_some())
}

async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}
