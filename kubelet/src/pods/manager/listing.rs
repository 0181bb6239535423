//! All that the runtime has, held against the Pods that there are.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Pod, PodSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use tokio::time::Instant;

use super::Manager;
use crate::logs::remove_forgotten_logs;
use crate::pods::{cgroup, object, seen};
use crate::runtime::{PodState, Runtime, labels};
use crate::volumes;

/// How long after a list that failed the next one is made.
const LIST_AGAIN: Duration = Duration::from_secs(1);

impl<R: Runtime> Manager<R> {
    /// Takes in all that the runtime has: at the start, and after events were missed.
    pub(super) async fn list(&mut self) {
        let listed = match self.context.runtime.list().await {
            Ok(listed) => listed,
            Err(error) => {
                // The stream of events tells of a gap only if the runtime was away.
                tracing::warn!(%error, "the runtime's Pods were not listed, trying again");
                self.list_at = Some(Instant::now() + LIST_AGAIN);
                return;
            }
        };
        let mut by_uid: BTreeMap<String, Vec<PodState>> = BTreeMap::new();
        for state in listed {
            let uid = state.pod_uid().unwrap_or_default().to_owned();
            by_uid.entry(uid).or_default().push(state);
        }
        for pod in self.pods.list() {
            let states = by_uid.remove(object::uid(&pod)).unwrap_or_default();
            match self.workers.get(object::uid(&pod)) {
                Some(worker) => worker.inbox.put(|mail| mail.listed = Some(states)),
                None => self.start(pod, states, false),
            }
        }
        for (uid, states) in by_uid {
            match self.workers.get(&uid) {
                Some(worker) => worker.inbox.put(|mail| mail.listed = Some(states)),
                None => self.start(Arc::new(orphan(&uid, &states)), states, true),
            }
        }
        // All are in it now: what was wanted while no kubelet ran can be judged.
        self.context.room.open();
        if !self.is_started {
            self.is_started = true;
            self.remove_forgotten().await;
        }
    }

    /// Cgroups, logs and folders of Pods that neither the API server nor the runtime knows.
    async fn remove_forgotten(&self) {
        let parent = &self.context.host.cgroup_parent;
        cgroup::remove_unknown(parent, |uid| self.workers.contains_key(uid));
        let logs = self.context.host.paths.logs();
        remove_forgotten_logs(&logs, |uid| self.workers.contains_key(uid)).await;
        let Ok(mut folders) = tokio::fs::read_dir(self.context.host.paths.pods()).await else {
            return;
        };
        while let Ok(Some(folder)) = folders.next_entry().await {
            let uid = folder.file_name().to_string_lossy().into_owned();
            if self.workers.contains_key(&uid) {
                continue;
            }
            if let Err(error) = volumes::remove_pod_dir(folder.path()).await {
                tracing::warn!(uid, %error, "the folder of a Pod that is gone is left");
            }
        }
    }
}

/// A Pod of which only the runtime knows: it has a name, and of its spec what its containers note.
fn orphan(uid: &str, states: &[PodState]) -> Pod {
    let label = |key: &str| {
        let known = states
            .first()
            .and_then(|state| state.sandbox.labels.get(key));
        known.cloned()
    };
    let containers = states.iter().flat_map(|state| &state.containers);
    let spec = PodSpec {
        termination_grace_period_seconds: containers.filter_map(seen::grace_s).max(),
        ..PodSpec::default()
    };
    Pod {
        spec: Some(spec),
        metadata: ObjectMeta {
            name: label(labels::POD_NAME),
            namespace: label(labels::POD_NAMESPACE),
            uid: Some(uid.to_owned()),
            ..ObjectMeta::default()
        },
        ..Pod::default()
    }
}
