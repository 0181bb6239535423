//! The objects of a cache. Those that changed lately are there as they are; of many, the others are put away as JSON and
//! made anew when somebody asks: a decoded Pod takes five times the memory of its text.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::{ObjectKey, Watched};

/// How many objects of a kind stay as they are. Few clusters have so many Pods; those that have pay with time.
const AT_HAND: usize = 1000;

/// The objects of one kind.
pub(super) struct Shelf<K> {
    objects: HashMap<ObjectKey, Kept<K>>,
    /// What was put last, with its turn; what was put again has a newer one.
    lately: VecDeque<(ObjectKey, u64)>,
    turn: u64,
}

struct Kept<K> {
    slot: Slot<K>,
    turn: u64,
}

/// An object, or its text.
pub(super) enum Slot<K> {
    AtHand(Arc<K>),
    PutAway(Arc<[u8]>),
}

impl<K> Clone for Slot<K> {
    fn clone(&self) -> Self {
        match self {
            Self::AtHand(object) => Self::AtHand(object.clone()),
            Self::PutAway(text) => Self::PutAway(text.clone()),
        }
    }
}

impl<K> Default for Shelf<K> {
    fn default() -> Self {
        Self {
            objects: HashMap::new(),
            lately: VecDeque::new(),
            turn: 0,
        }
    }
}

impl<K: Watched> Slot<K> {
    /// The object.
    pub(super) fn object(&self) -> Option<Arc<K>> {
        match self {
            Self::AtHand(object) => Some(object.clone()),
            Self::PutAway(text) => match serde_json::from_slice(text) {
                Ok(object) => Some(Arc::new(object)),
                Err(error) => {
                    tracing::error!(kind = %K::kind(&()), %error, "an object was put away and cannot be read");
                    None
                }
            },
        }
    }

    /// Puts the object away, unless somebody else holds it, who would keep it in memory beside its text.
    fn put_away(&mut self) {
        let Self::AtHand(object) = self else {
            return;
        };
        if Arc::strong_count(object) == 1
            && let Ok(text) = serde_json::to_vec(&**object)
        {
            *self = Self::PutAway(text.into());
        }
    }
}

impl<K: Watched> Shelf<K> {
    pub(super) fn get(&self, key: &ObjectKey) -> Option<Arc<K>> {
        self.objects.get(key)?.slot.object()
    }

    /// Puts an object in its place, and returns what stood there.
    pub(super) fn put(&mut self, key: ObjectKey, object: Arc<K>) -> Option<Arc<K>> {
        self.turn += 1;
        self.lately.push_back((key.clone(), self.turn));
        let kept = Kept {
            slot: Slot::AtHand(object),
            turn: self.turn,
        };
        let old = self.objects.insert(key, kept);
        while self.lately.len() > AT_HAND {
            self.put_one_away();
        }
        old?.slot.object()
    }

    pub(super) fn remove(&mut self, key: &ObjectKey) -> Option<Arc<K>> {
        self.objects.remove(key)?.slot.object()
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &ObjectKey> {
        self.objects.keys()
    }

    /// All of them, to be looked at without holding up who changes them.
    pub(super) fn slots(&self) -> Vec<Slot<K>> {
        self.objects
            .values()
            .map(|kept| kept.slot.clone())
            .collect()
    }

    /// Those whose key is wanted.
    pub(super) fn slots_of(&self, wanted: impl Fn(&ObjectKey) -> bool) -> Vec<Slot<K>> {
        let found = self.objects.iter().filter(|(key, _)| wanted(key));
        found.map(|(_, kept)| kept.slot.clone()).collect()
    }

    /// Empties the shelf, in the order in which it was filled.
    pub(super) fn into_slots(self) -> impl Iterator<Item = Slot<K>> {
        let mut all: Vec<_> = self.objects.into_values().collect();
        all.sort_unstable_by_key(|kept| kept.turn);
        all.into_iter().map(|kept| kept.slot)
    }

    fn put_one_away(&mut self) {
        let Some((key, turn)) = self.lately.pop_front() else {
            return;
        };
        if let Some(kept) = self.objects.get_mut(&key).filter(|kept| kept.turn == turn) {
            kept.slot.put_away();
        }
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;

    use super::*;

    fn object(number: usize, value: &str) -> (ObjectKey, Arc<ConfigMap>) {
        let name = format!("c{number}");
        let mut object = ConfigMap::default();
        object.metadata.name = Some(name.clone());
        object.data = Some([("v".to_owned(), value.to_owned())].into());
        (ObjectKey::new("default", name), Arc::new(object))
    }

    fn value(object: &ConfigMap) -> &str {
        &object.data.as_ref().expect("it has data")["v"]
    }

    fn put_away(shelf: &Shelf<ConfigMap>) -> usize {
        let away = |slot: &&Slot<ConfigMap>| matches!(slot, Slot::PutAway(_));
        shelf.slots().iter().filter(away).count()
    }

    #[test]
    fn few_objects_stay_as_they_are() {
        let mut shelf = Shelf::default();
        let (key, first) = object(0, "a");
        shelf.put(key.clone(), first.clone());
        for number in 1..AT_HAND {
            let (key, object) = object(number, "a");
            shelf.put(key, object);
        }
        assert_eq!(put_away(&shelf), 0);
        let found = shelf.get(&key).expect("it is there");
        assert!(Arc::ptr_eq(&found, &first));
    }

    #[test]
    fn of_many_those_that_changed_last_stay() {
        let mut shelf = Shelf::default();
        for number in 0..AT_HAND + 10 {
            let (key, object) = object(number, "a");
            shelf.put(key, object);
        }
        assert_eq!(put_away(&shelf), 10);
        let (key, again) = object(0, "b");
        let old = shelf.put(key.clone(), again).expect("it was there");
        assert_eq!(value(&old), "a");
        assert_eq!(put_away(&shelf), 10, "it came, another went");
        assert_eq!(value(&shelf.get(&key).expect("it is there")), "b");
        let removed = shelf.remove(&object(5, "").0).expect("it was there");
        assert_eq!(
            (value(&removed), removed.metadata.name.as_deref()),
            ("a", Some("c5"))
        );
        assert_eq!(shelf.slots().len(), AT_HAND + 9);
    }

    #[test]
    fn what_others_hold_is_not_doubled() {
        let mut shelf = Shelf::default();
        let (key, held) = object(0, "a");
        shelf.put(key.clone(), held.clone());
        for number in 1..=AT_HAND {
            let (key, object) = object(number, "a");
            shelf.put(key, object);
        }
        assert_eq!(put_away(&shelf), 0);
        assert!(Arc::ptr_eq(&shelf.get(&key).expect("it is there"), &held));
    }
}
