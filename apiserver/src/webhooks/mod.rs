//! Webhooks: servers that are asked, after the policies, before an object is stored, and may change or refuse it
//! (<https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/>).
//!
//! In: a write as it is to be stored, or a stream that is to be opened. Out: the object as the webhooks changed it, or the
//! refusal of one of them.
//!
//! ```text
//!   store ──► Webhooks (all configurations, followed) ──► matching ──► mutate: one after the other ─┐
//!                                                         (pure)  └──► validate: all at once ───────┼─► review (AdmissionReview)
//!                                                                                                   └─► call (over `remote`)
//! ```
//!
//! A rule is about all versions of a resource (`versions`): who is asked sees the one that the rule names.

mod attributes;
mod call;
mod configuration;
mod hook;
mod matching;
mod mutate;
mod review;
mod rule;
mod validate;
mod versions;

pub(crate) use attributes::{Attributes, Operation, Warnings};
pub(crate) use matching::{Request, selector};
pub(crate) use mutate::mutate;
pub(crate) use review::as_json;
pub(crate) use rule::Rule;
pub(crate) use validate::validate;
pub(crate) use versions::{Rules, Seen, View};

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::RwLock;
use serde_json::Value;
use skiff_api::Status;
use skiff_store::{Change, Entry, Snapshot, Store, WatchEnd};
use tokio_util::sync::CancellationToken;

use crate::api::Api;
use crate::policies;
use crate::remote::Remotes;
use hook::Hook;

/// Where the configurations are in the store.
pub(crate) const PREFIX: &str = "/registry/admissionregistration.k8s.io/";
const MUTATING: &str = "mutatingwebhookconfigurations/";
const VALIDATING: &str = "validatingwebhookconfigurations/";

/// The webhooks of a configuration, by its name.
type Configurations = BTreeMap<String, Vec<Arc<Hook>>>;

/// All webhooks, as the configurations in the store say.
pub(crate) struct Webhooks {
    store: Store,
    remotes: Remotes,
    mutating: RwLock<Configurations>,
    validating: RwLock<Configurations>,
}

impl Webhooks {
    /// None yet.
    pub(crate) fn new(store: Store, remotes: Remotes) -> Self {
        Self {
            store,
            remotes,
            mutating: RwLock::default(),
            validating: RwLock::default(),
        }
    }

    /// Takes over all configurations.
    fn read_all(&self, snapshot: &Snapshot) {
        for (folder, hooks) in self.folders() {
            let prefix = format!("{PREFIX}{folder}");
            let entries = snapshot.range(&prefix, None);
            *hooks.write() = entries.map(|entry| self.read(folder, entry)).collect();
        }
    }

    /// Takes over a change of a configuration; the connections of the others stay.
    fn apply(&self, change: &Change) {
        for (folder, hooks) in self.folders() {
            let Some(name) = name_in(folder, change.key().as_str()) else {
                continue;
            };
            match change {
                Change::Put { entry, .. } => {
                    let (name, read) = self.read(folder, entry);
                    hooks.write().insert(name, read);
                }
                Change::Delete { .. } => drop(hooks.write().remove(name)),
            }
        }
    }

    fn folders(&self) -> [(&'static str, &RwLock<Configurations>); 2] {
        [(MUTATING, &self.mutating), (VALIDATING, &self.validating)]
    }

    fn read(&self, folder: &str, entry: &Entry) -> (String, Vec<Arc<Hook>>) {
        let name = name_in(folder, entry.key.as_str()).unwrap_or_default();
        let hooks = configuration::read(&entry.value, &self.store, &self.remotes);
        let hooks = hooks.unwrap_or_else(|error| {
            tracing::error!(%error, name, "the webhooks of a configuration cannot be called");
            Vec::new()
        });
        (name.to_owned(), hooks)
    }

    /// The webhooks that may change objects, in the order in which they are asked.
    fn mutating(&self) -> Vec<Arc<Hook>> {
        in_order(&self.mutating)
    }

    fn validating(&self) -> Vec<Arc<Hook>> {
        in_order(&self.validating)
    }
}

fn name_in<'a>(folder: &str, key: &'a str) -> Option<&'a str> {
    key.strip_prefix(PREFIX)?.strip_prefix(folder)
}

fn in_order(configurations: &RwLock<Configurations>) -> Vec<Arc<Hook>> {
    configurations.read().values().flatten().cloned().collect()
}

/// Whether any webhook or policy may change objects.
pub(crate) fn can_mutate(api: &Api) -> bool {
    !api.webhooks.mutating.read().is_empty() || api.policies.can_mutate()
}

/// Whether any webhook or policy may refuse objects.
pub(crate) fn can_refuse(api: &Api) -> bool {
    !api.webhooks.validating.read().is_empty() || api.policies.can_refuse()
}

/// Follows the configurations and the policies in the store until `shutdown`.
pub(crate) async fn follow(api: &Arc<Api>, shutdown: CancellationToken) {
    while !shutdown.is_cancelled() {
        let snapshot = api.store.snapshot();
        let Ok(mut watch) = api.store.watch(PREFIX, snapshot.revision()) else {
            continue;
        };
        read_all(api, &snapshot);
        for name in policies::unchecked(&snapshot) {
            policies::check(api, &name).await;
        }
        loop {
            // Cancel-safe: the store's watch says so of itself.
            let changes = tokio::select! {
                () = shutdown.cancelled() => return,
                changes = watch.next() => changes,
            };
            match changes {
                Ok(changes) => {
                    for change in &changes {
                        api.webhooks.apply(change);
                        api.policies.apply(change);
                    }
                    for name in changes
                        .iter()
                        .filter_map(|it| policies::unchecked_after(it))
                    {
                        policies::check(api, &name).await;
                    }
                }
                Err(WatchEnd::Lagged) => break,
                Err(WatchEnd::Closed) => return,
            }
        }
    }
}

/// Takes over all configurations and policies.
pub(crate) fn read_all(api: &Api, snapshot: &Snapshot) {
    api.webhooks.read_all(snapshot);
    api.policies.read_all(snapshot);
}

/// Asks all webhooks and policies about what is no stored object: a Binding, an Eviction, the options of a stream.
pub(crate) async fn admit(
    api: &Arc<Api>,
    attributes: &Attributes<'_>,
    object: &mut Value,
) -> Result<(), Status> {
    mutate(api, attributes, object, None).await?;
    validate(api, attributes, object, None).await
}
