//! The policies that are in force, as they stand in the store.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::RwLock;
use serde_json::Value;
use skiff_api::policies::{MutatingPolicy, ValidatingPolicy};
use skiff_store::{Change, Entry, Snapshot};

use super::binding::Binding;
use super::policy::{Compiled, Policy};
use crate::authz::Authorizer;
use crate::matching::PREFIX;
use crate::storage::Objects;

/// The objects of a kind, by name.
type Named<T> = BTreeMap<String, Arc<T>>;

/// All policies and bindings.
pub(crate) struct Policies {
    /// Where their parameters are.
    pub(super) objects: Arc<Objects>,
    /// What answers in expressions who may do what.
    pub(super) authorizer: Arc<Authorizer>,
    pub(super) validating: Table<ValidatingPolicy>,
    pub(super) mutating: Table<MutatingPolicy>,
}

impl Policies {
    /// None yet.
    pub(crate) fn new(objects: Arc<Objects>, authorizer: Arc<Authorizer>) -> Self {
        Self {
            objects,
            authorizer,
            validating: Table::new(
                "validatingadmissionpolicies/",
                "validatingadmissionpolicybindings/",
            ),
            mutating: Table::new(
                "mutatingadmissionpolicies/",
                "mutatingadmissionpolicybindings/",
            ),
        }
    }

    /// Takes over all that stands.
    pub(crate) fn read_all(&self, snapshot: &Snapshot) {
        self.validating.read_all(snapshot);
        self.mutating.read_all(snapshot);
    }

    /// Takes over a change.
    pub(crate) fn apply(&self, change: &Change) {
        self.validating.apply(change);
        self.mutating.apply(change);
    }

    /// Whether any policy may change objects.
    pub(crate) fn can_mutate(&self) -> bool {
        !self.mutating.policies.read().is_empty()
    }

    /// Whether any policy may refuse objects.
    pub(crate) fn can_refuse(&self) -> bool {
        !self.validating.policies.read().is_empty()
    }
}

/// The policies of one kind with their bindings.
pub(super) struct Table<C> {
    policies_folder: &'static str,
    bindings_folder: &'static str,
    policies: RwLock<Named<Policy<C>>>,
    bindings: RwLock<Named<Binding>>,
}

/// A policy with its bindings, in the order of their names.
pub(super) type InForce<C> = (Arc<Policy<C>>, Vec<Arc<Binding>>);

impl<C: Compiled> Table<C> {
    fn new(policies_folder: &'static str, bindings_folder: &'static str) -> Self {
        Self {
            policies_folder,
            bindings_folder,
            policies: RwLock::default(),
            bindings: RwLock::default(),
        }
    }

    fn read_all(&self, snapshot: &Snapshot) {
        let entries = |folder: &'static str| {
            let prefix = format!("{PREFIX}{folder}");
            let entries: Vec<Entry> = snapshot.range(&prefix, None).cloned().collect();
            entries
        };
        *self.policies.write() = all(
            &entries(self.policies_folder),
            self.policies_folder,
            Policy::read,
        );
        *self.bindings.write() = all(
            &entries(self.bindings_folder),
            self.bindings_folder,
            Binding::read,
        );
    }

    fn apply(&self, change: &Change) {
        one(change, self.policies_folder, &self.policies, Policy::read);
        one(change, self.bindings_folder, &self.bindings, Binding::read);
    }

    /// All policies, in the order of their names.
    pub(super) fn in_force(&self) -> Vec<InForce<C>> {
        let policies = self.policies.read();
        if policies.is_empty() {
            return Vec::new();
        }
        let bindings = self.bindings.read();
        let of = |policy: &Policy<C>| {
            let bindings = bindings.values();
            let bindings = bindings.filter(|binding| binding.policy == policy.name);
            bindings.cloned().collect()
        };
        let policies = policies.values();
        policies
            .map(|policy| (Arc::clone(policy), of(policy)))
            .collect()
    }
}

type Read<T> = fn(&str, &Value) -> Result<T, serde_json::Error>;

fn all<T>(entries: &[Entry], folder: &str, read: Read<T>) -> Named<T> {
    let entries = entries.iter();
    let read = entries.filter_map(|entry| {
        let name = name_in(folder, entry.key.as_str())?;
        Some((name.to_owned(), from(entry, name, read)?))
    });
    read.collect()
}

fn one<T>(change: &Change, folder: &str, known: &RwLock<Named<T>>, read: Read<T>) {
    let Some(name) = name_in(folder, change.key().as_str()) else {
        return;
    };
    let now = match change {
        Change::Put { entry, .. } => from(entry, name, read),
        Change::Delete { .. } => None,
    };
    let mut known = known.write();
    match now {
        Some(now) => drop(known.insert(name.to_owned(), now)),
        None => drop(known.remove(name)),
    }
}

fn from<T>(entry: &Entry, name: &str, read: Read<T>) -> Option<Arc<T>> {
    let value = serde_json::from_slice::<Value>(&entry.value);
    match value.and_then(|value| read(name, &value)) {
        Ok(known) => Some(Arc::new(known)),
        Err(error) => {
            tracing::error!(%error, key = %entry.key, "a policy or its binding cannot be read");
            None
        }
    }
}

fn name_in<'a>(folder: &str, key: &'a str) -> Option<&'a str> {
    key.strip_prefix(PREFIX)?.strip_prefix(folder)
}
