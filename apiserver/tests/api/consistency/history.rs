//! What happened, told by the store itself: what lists and watches are compared with.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::Value;
use skiff_store::{Change, Revision, Store};
use tokio::task::JoinHandle;

const PREFIX: &str = "/registry/core/configmaps/default/";

/// An object by what matters of it: name, label and data.
pub(super) type Seen = (String, String, String);

pub(super) fn seen(object: &Value) -> Seen {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let metadata = &object["metadata"];
    (
        text(&metadata["name"]),
        text(&metadata["labels"]["tier"]),
        text(&object["data"]["x"]),
    )
}

/// An event: revision, type, object.
pub(super) type Told = (u64, &'static str, Seen);

struct Happened {
    revision: u64,
    before: Option<Seen>,
    after: Option<Seen>,
}

impl Happened {
    fn of(change: &Change) -> Self {
        let object = |bytes: &[u8]| seen(&serde_json::from_slice(bytes).unwrap());
        let after = match change {
            Change::Put { entry, .. } => Some(object(&entry.value)),
            Change::Delete { .. } => None,
        };
        Self {
            revision: change.revision().0,
            before: change.previous().map(|entry| object(&entry.value)),
            after,
        }
    }
}

/// All that happens from its beginning on.
#[derive(Clone, Default)]
pub(super) struct History(Arc<Mutex<Vec<Happened>>>);

impl History {
    /// Follows the store until an object of this name is written. Whoever compacts it must ask [`Self::known`].
    pub(super) fn follow(&self, store: &Store, last: &'static str) -> JoinHandle<()> {
        let (this, store) = (self.clone(), store.clone());
        let mut after = store.revision();
        tokio::spawn(async move {
            loop {
                let mut watch = store
                    .watch(PREFIX, after)
                    .expect("nothing unknown is forgotten");
                while let Ok(changes) = watch.next().await {
                    let happened = changes.iter().map(|change| Happened::of(change));
                    this.0.lock().extend(happened);
                    if changes.iter().any(|change| change.key().ends_with(last)) {
                        return;
                    }
                }
                after = watch.revision();
            }
        })
    }

    /// Up to where everything is known.
    pub(super) fn known(&self) -> Revision {
        let last = self.0.lock().last().map(|happened| happened.revision);
        Revision(last.unwrap_or_default())
    }

    /// The events that a watch must tell between two revisions, of all objects or of those with a label.
    pub(super) fn between(&self, after: u64, up_to: u64, tier: Option<&str>) -> Vec<Told> {
        let chosen = |seen: &Option<Seen>| {
            let seen = seen.clone();
            seen.filter(|(_, label, _)| tier.is_none_or(|tier| label == tier))
        };
        let happened = self.0.lock();
        let within = happened
            .iter()
            .filter(|happened| after < happened.revision && happened.revision <= up_to);
        within
            .filter_map(|happened| {
                let (kind, seen) = match (chosen(&happened.before), chosen(&happened.after)) {
                    (None, Some(after)) => ("ADDED", after),
                    (Some(_), Some(after)) => ("MODIFIED", after),
                    (Some(before), None) => ("DELETED", before),
                    (None, None) => return None,
                };
                Some((happened.revision, kind, seen))
            })
            .collect()
    }

    /// The objects at a revision, by name.
    pub(super) fn table_at(&self, revision: u64, tier: Option<&str>) -> Vec<Seen> {
        let mut table = BTreeMap::new();
        for (_, kind, seen) in self.between(0, revision, tier) {
            match kind {
                "DELETED" => table.remove(&seen.0),
                _ => table.insert(seen.0.clone(), seen),
            };
        }
        table.into_values().collect()
    }
}
