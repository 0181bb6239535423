//! The definitions that stand in the store, and the kinds that are made of them.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use serde_json::{Value, json};
use skiff_api::{Descriptor, Registry, custom, metadata};
use skiff_store::{Key, Revision, Snapshot, Store};
use tokio_util::sync::CancellationToken;

use crate::codec::{now, object_of};
use crate::conversion::Converter;
use crate::kinds::Kinds;
use crate::remote::Remotes;

/// Where the definitions are.
pub(crate) const PREFIX: &str = "/registry/apiextensions.k8s.io/customresourcedefinitions/";

/// What is known of the definitions.
pub(crate) struct Definitions {
    store: Store,
    remotes: Remotes,
    /// What is served changes with them.
    kinds: Arc<Kinds>,
    known: Mutex<HashMap<Key, Known>>,
    standing: RwLock<HashMap<Key, Standing>>,
}

/// How a definition stands to requests for its resources.
#[derive(Clone, Default)]
struct Standing {
    /// The webhook that converts them.
    converter: Option<Arc<Converter>>,
    /// Cancelled when the definition becomes another one.
    until: CancellationToken,
}

struct Known {
    revision: Revision,
    created: Revision,
    /// The definition without its schemas, which may be large.
    definition: Value,
    /// What its kinds follow from.
    made_of: Value,
    kinds: Vec<Arc<Descriptor>>,
    standing: Standing,
}

/// What is to be written into a definition.
pub(crate) struct NewStatus {
    pub(crate) name: String,
    pub(crate) status: Value,
}

/// A definition that is being deleted.
pub(crate) struct Terminating {
    pub(crate) name: String,
    /// Where its resources are.
    pub(crate) prefix: String,
    /// One of the kinds that they can be reached as.
    pub(crate) kind: Option<Arc<Descriptor>>,
}

impl Definitions {
    /// Nothing is known yet.
    pub(crate) fn new(store: Store, remotes: Remotes, kinds: Arc<Kinds>) -> Self {
        Self {
            store,
            remotes,
            kinds,
            known: Mutex::default(),
            standing: RwLock::default(),
        }
    }

    /// Reads what has changed in the store and serves it; answers with what the definitions are to say of it.
    pub(crate) fn read(&self) -> Vec<NewStatus> {
        let mut known = self.known.lock();
        let snapshot = self.store.snapshot();
        let before = known.len();
        known.retain(|key, known| {
            let stays = snapshot.get(key).is_some();
            if !stays {
                known.standing.until.cancel();
            }
            stays
        });
        let mut has_changed = known.len() != before;
        let mut full = read_changed(&snapshot, &mut known);
        let news = plan(&mut known);
        for (key, known) in known.iter_mut() {
            let mut read_full = || {
                let entry = snapshot.get(key);
                let read = || object_of(&entry?.value).ok();
                full.remove(key).or_else(read).unwrap_or_default()
            };
            has_changed |= known.remake(&mut read_full, |full| self.standing_of(full));
        }
        if has_changed {
            let standing = known
                .iter()
                .map(|(key, known)| (key.clone(), known.standing.clone()));
            *self.standing.write() = standing.collect();
            self.kinds.replace(registry(&known));
        }
        news
    }

    /// The webhook that converts the objects of a kind, if its definition has one that can be asked.
    pub(crate) fn converter(&self, kind: &Descriptor) -> Option<Arc<Converter>> {
        self.standing(kind)?.converter
    }

    /// Cancelled when the definition of a custom kind becomes another one, so that who watches must look anew.
    pub(crate) fn until(&self, kind: &Descriptor) -> Option<CancellationToken> {
        Some(self.standing(kind)?.until)
    }

    fn standing(&self, kind: &Descriptor) -> Option<Standing> {
        kind.strategy.custom()?;
        let key = format!("{PREFIX}{}.{}", kind.plural, kind.group);
        self.standing.read().get(key.as_str()).cloned()
    }

    /// How a definition stands anew.
    fn standing_of(&self, definition: &Value) -> Standing {
        let converter = Converter::of(definition, &self.store, &self.remotes);
        let converter = converter.unwrap_or_else(|error| {
            let name = metadata::name(definition);
            tracing::error!(%error, name, "the webhook of a definition cannot be called");
            None
        });
        Standing {
            converter: converter.map(Arc::new),
            until: CancellationToken::new(),
        }
    }

    /// The definitions that are being deleted and may have resources.
    pub(crate) fn terminating(&self) -> Vec<Terminating> {
        let known = self.known.lock();
        let going = known.values().filter(|known| {
            let mut finalizers = metadata::finalizers(&known.definition);
            metadata::deletion_timestamp(&known.definition).is_some()
                && finalizers.any(|finalizer| finalizer == custom::CLEANUP_FINALIZER)
        });
        let going = going.map(|known| {
            let spec = &known.definition["spec"];
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let (group, plural) = (text(&spec["group"]), text(&spec["names"]["plural"]));
            Terminating {
                name: metadata::name(&known.definition).to_owned(),
                prefix: format!("/registry/{group}/{plural}/"),
                kind: known.easiest_kind(),
            }
        });
        going.collect()
    }
}

/// Takes over the definitions that have changed; answers with them as they are, schemas and all.
fn read_changed(snapshot: &Snapshot, known: &mut HashMap<Key, Known>) -> HashMap<Key, Value> {
    let mut full = HashMap::new();
    for entry in snapshot.range(PREFIX, None) {
        let old = known.get(&entry.key);
        if old.is_some_and(|old| old.revision == entry.revision) {
            continue;
        }
        let Ok(definition) = object_of(&entry.value) else {
            continue;
        };
        let kept = known.remove(&entry.key);
        let (made_of, kinds, standing) = kept.map_or_else(Default::default, |old| {
            (old.made_of, old.kinds, old.standing)
        });
        known.insert(
            entry.key.clone(),
            Known {
                revision: entry.revision,
                created: entry.created,
                definition: without_schemas(&definition),
                made_of,
                kinds,
                standing,
            },
        );
        full.insert(entry.key.clone(), definition);
    }
    full
}

fn without_schemas(definition: &Value) -> Value {
    let mut light = definition.clone();
    if let Some(Value::Array(versions)) = light.pointer_mut("/spec/versions") {
        for version in versions {
            version["schema"] = Value::Null;
        }
    }
    light
}

/// Gives names to the definitions, the oldest first; answers with the statuses that change.
fn plan(known: &mut HashMap<Key, Known>) -> Vec<NewStatus> {
    let mut order: Vec<(Revision, Key)> = known
        .iter()
        .map(|(key, known)| (known.created, key.clone()))
        .collect();
    order.sort();
    let mut news = Vec::new();
    for (_, key) in order {
        let Some(this) = known.get(&key) else {
            continue;
        };
        let others: Vec<&Value> = known.values().map(|known| &known.definition).collect();
        let status = custom::naming_status(&this.definition, &others, &now());
        if status == this.definition["status"] {
            continue;
        }
        news.push(NewStatus {
            name: metadata::name(&this.definition).to_owned(),
            status: status.clone(),
        });
        if let Some(this) = known.get_mut(&key) {
            this.definition["status"] = status;
        }
    }
    news
}

impl Known {
    /// Makes its kinds again if what they follow from has changed; answers whether it has.
    fn remake(
        &mut self,
        full: &mut dyn FnMut() -> Value,
        standing_of: impl FnOnce(&Value) -> Standing,
    ) -> bool {
        let definition = &self.definition;
        let is_going = metadata::deletion_timestamp(definition).is_some();
        // What comes first makes it another definition. The mark of a deletion counts as a generation, but does not: who
        // watches is to see the resources go.
        let made_of = json!([
            [
                metadata::uid(definition),
                metadata::generation(definition) - i64::from(is_going),
                definition["status"]["acceptedNames"],
            ],
            is_going,
            custom::is_true(definition, "Established"),
        ]);
        if made_of == self.made_of {
            return false;
        }
        let mut full = full();
        full["status"] = definition["status"].clone();
        let kinds = custom::served(&full, self.revision.0);
        self.kinds = kinds.into_iter().map(Arc::new).collect();
        if made_of[0] != self.made_of[0] {
            self.standing.until.cancel();
            self.standing = standing_of(&full);
        }
        self.made_of = made_of;
        true
    }

    /// One of its kinds, that of the stored version if it is served: its objects need no conversion.
    fn easiest_kind(&self) -> Option<Arc<Descriptor>> {
        let is_stored = |kind: &&Arc<Descriptor>| {
            let custom = kind.strategy.custom();
            custom.is_some_and(|custom| custom.stored_as() == custom.api_version())
        };
        let stored = self.kinds.iter().find(is_stored);
        stored.or(self.kinds.first()).cloned()
    }
}

/// The built-in kinds and the custom ones, which take no place of theirs.
fn registry(known: &HashMap<Key, Known>) -> Registry {
    let mut registry = skiff_api::builtin();
    for kind in known.values().flat_map(|known| &known.kinds) {
        if registry
            .get(&kind.group, &kind.version, &kind.plural)
            .is_none()
        {
            registry.insert(Arc::clone(kind));
        }
    }
    registry
}
