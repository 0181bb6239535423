//! What wakes a worker. News of the same thing replace each other, so an inbox never holds more than there are things.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio_util::sync::DropGuard;

use super::orders::Eviction;
use crate::probes::ProbeKind;
use crate::runtime::PodState;

/// News for one worker.
#[derive(Debug, Default)]
pub(crate) struct Mail {
    /// The Pod's newest object.
    pub(crate) pod: Option<Arc<Pod>>,
    /// The API does not have the Pod any more.
    pub(crate) is_gone: bool,
    /// Containers of which the runtime told something.
    pub(crate) containers: BTreeSet<String>,
    /// Sandboxes of which the runtime told something.
    pub(crate) sandboxes: BTreeSet<String>,
    /// All that the runtime has of the Pod, after events were missed.
    pub(crate) listed: Option<Vec<PodState>>,
    /// A ConfigMap or Secret of the Pod has changed.
    pub(crate) references: bool,
    /// The Pod must leave the node; the guard is for who waits until it has.
    pub(crate) evict: Option<(Eviction, DropGuard)>,
    /// Dead containers are to be given up; the guard is for who waits until they are.
    pub(crate) reclaim: Option<Arc<DropGuard>>,
    /// Results of probes.
    pub(crate) probes: BTreeMap<(String, ProbeKind), bool>,
}

/// Where news for one worker are put.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    mail: Mutex<Option<Mail>>,
    wake: Notify,
}

impl Inbox {
    /// Adds news and wakes the worker.
    pub(crate) fn put(&self, add: impl FnOnce(&mut Mail)) {
        add(self.mail.lock().get_or_insert_default());
        self.wake.notify_one();
    }

    /// Takes all news, waiting for some if there are none. Cancel-safe.
    pub(crate) async fn take(&self) -> Mail {
        loop {
            if let Some(mail) = self.mail.lock().take() {
                return mail;
            }
            self.wake.notified().await;
        }
    }
}
