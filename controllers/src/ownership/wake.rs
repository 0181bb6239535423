//! Which controllers a change of a controlled object concerns.

use kube::{Resource, ResourceExt};
use skiff_client::{Change, Informer, ObjectKey, Watched, WorkQueue};

use super::controller_of;
use crate::selection::Selection;

/// Adds to `queue` the objects of the kind `O` that a change of them concerns.
pub(crate) fn wake_on_change<O: Watched>(owners: &Informer<O>, queue: &WorkQueue<ObjectKey>) {
    let queue = queue.clone();
    owners.on_change(move |change| queue.add(ObjectKey::of(&**change.object())));
}

/// Adds to `queue` the `owners` that a change of what they control concerns: the controller it has, the one it had,
/// and those whose `selection` lets them adopt it.
pub(crate) fn wake_owners<O: Watched, K: Watched>(
    owned: &Informer<K>,
    owners: &Informer<O>,
    selection: fn(&O) -> Option<Selection>,
    queue: &WorkQueue<ObjectKey>,
) {
    let (owners, queue) = (owners.clone(), queue.clone());
    owned.on_change(move |change| {
        if let Change::Updated { old, new } = change
            && controller_of(&**old) != controller_of(&**new)
        {
            queue_all(owner_key::<O, K>(old), &queue);
        }
        let object = change.object();
        if controller_of(&**object).is_some() {
            queue_all(owner_key::<O, K>(object), &queue);
        } else if !matches!(change, Change::Deleted(_)) {
            queue_all(adopters(&**object, &owners, selection), &queue);
        }
    });
}

/// The key of the controller, if that is of the kind `O`.
pub(crate) fn owner_key<O: Resource<DynamicType = ()>, K: Resource>(
    object: &K,
) -> Option<ObjectKey> {
    let owner = controller_of(object).filter(|owner| owner.kind == O::kind(&()))?;
    Some(ObjectKey::new(
        object.namespace().unwrap_or_default(),
        &owner.name,
    ))
}

fn adopters<O: Watched, K: Resource>(
    object: &K,
    owners: &Informer<O>,
    selection: fn(&O) -> Option<Selection>,
) -> Vec<ObjectKey> {
    let labels = object.meta().labels.as_ref();
    let matches = |owner: &O| selection(owner).is_some_and(|one| one.matches(labels));
    let owners = owners.list_in(&object.namespace().unwrap_or_default());
    owners
        .iter()
        .filter(|owner| matches(owner))
        .map(|owner| ObjectKey::of(&**owner))
        .collect()
}

fn queue_all(keys: impl IntoIterator<Item = ObjectKey>, queue: &WorkQueue<ObjectKey>) {
    keys.into_iter().for_each(|key| queue.add(key));
}
