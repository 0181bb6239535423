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
//! A rule is about all versions of a resource (`matching`): who is asked sees the one that the rule names.

mod call;
mod configuration;
mod hook;
mod matching;
mod mutate;
mod review;
mod validate;

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::RwLock;
use serde_json::Value;
use skiff_api::Status;
use skiff_store::{Change, Entry, Snapshot};

use crate::following::Follower;
use crate::matching::{Attributes, PREFIX};
use crate::policies::Policies;
use crate::remote::Remotes;
use crate::storage::Objects;
use hook::Hook;

const MUTATING: &str = "mutatingwebhookconfigurations/";
const VALIDATING: &str = "validatingwebhookconfigurations/";

/// The webhooks of a configuration, by its name.
type Configurations = BTreeMap<String, Vec<Arc<Hook>>>;

/// All webhooks, as the configurations in the store say, and the policies that are asked before them.
pub(crate) struct Webhooks {
    objects: Arc<Objects>,
    remotes: Remotes,
    policies: Arc<Policies>,
    mutating: RwLock<Configurations>,
    validating: RwLock<Configurations>,
}

/// Of configurations and of policies.
impl Follower for Webhooks {
    async fn read_all(&self, snapshot: &Snapshot) {
        self.policies.read_all(snapshot);
        for (folder, hooks) in self.folders() {
            let prefix = format!("{PREFIX}{folder}");
            let entries = snapshot.range(&prefix, None);
            *hooks.write() = entries.map(|entry| self.read(folder, entry)).collect();
        }
    }

    async fn apply(&self, changes: &[Arc<Change>]) {
        changes.iter().for_each(|change| self.take_over(change));
    }
}

impl Webhooks {
    /// None yet.
    pub(crate) fn new(objects: Arc<Objects>, remotes: Remotes, policies: Arc<Policies>) -> Self {
        Self {
            objects,
            remotes,
            policies,
            mutating: RwLock::default(),
            validating: RwLock::default(),
        }
    }

    /// Takes over a change of a configuration or a policy; the connections of the others stay.
    fn take_over(&self, change: &Change) {
        self.policies.apply(change);
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
        let hooks = configuration::read(&entry.value, &self.objects.store, &self.remotes);
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

    /// Whether any webhook or policy may change objects.
    pub(crate) fn can_mutate(&self) -> bool {
        !self.mutating.read().is_empty() || self.policies.can_mutate()
    }

    /// Whether any webhook or policy may refuse objects.
    pub(crate) fn can_refuse(&self) -> bool {
        !self.validating.read().is_empty() || self.policies.can_refuse()
    }

    /// Asks all webhooks and policies about what is no stored object: a Binding, an Eviction, the options of a stream.
    pub(crate) async fn admit(
        &self,
        attributes: &Attributes<'_>,
        object: &mut Value,
    ) -> Result<(), Status> {
        self.mutate(attributes, object, None).await?;
        self.validate(attributes, object, None).await
    }
}

fn name_in<'a>(folder: &str, key: &'a str) -> Option<&'a str> {
    key.strip_prefix(PREFIX)?.strip_prefix(folder)
}

fn in_order(configurations: &RwLock<Configurations>) -> Vec<Arc<Hook>> {
    configurations.read().values().flatten().cloned().collect()
}
