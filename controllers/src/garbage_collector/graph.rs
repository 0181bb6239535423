//! Who owns whom, as the watches tell it.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

use crate::resources::Resource;

/// An object's uid, unique over all kinds and all time.
pub(super) type Uid = String;

/// Keeps an object until those that block its deletion are gone (`metav1.FinalizerDeleteDependents`).
pub(super) const FOREGROUND: &str = "foregroundDeletion";
/// Keeps an object until its dependents refer to it no more (`metav1.FinalizerOrphanDependents`).
pub(super) const ORPHAN: &str = "orphan";

/// Uids of objects that went, remembered so that their dependents need not ask for each.
const REMEMBERED: usize = 1000;

/// An object, as far as ownership goes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub(super) resource: Arc<Resource>,
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) owners: Vec<OwnerReference>,
    pub(super) deleting: bool,
    pub(super) finalizers: Vec<String>,
}

impl Node {
    fn new(resource: &Arc<Resource>, meta: &ObjectMeta) -> Self {
        Self {
            resource: resource.clone(),
            namespace: meta.namespace.clone().unwrap_or_default(),
            name: meta.name.clone().unwrap_or_default(),
            owners: meta.owner_references.clone().unwrap_or_default(),
            deleting: meta.deletion_timestamp.is_some(),
            finalizers: meta.finalizers.clone().unwrap_or_default(),
        }
    }

    pub(super) fn has_finalizer(&self, finalizer: &str) -> bool {
        self.finalizers.iter().any(|one| one == finalizer)
    }

    /// Whether it waits for its dependents to be deleted.
    pub(super) fn awaits_dependents(&self) -> bool {
        self.deleting && self.has_finalizer(FOREGROUND)
    }

    /// Whether it waits for its dependents to be freed.
    pub(super) fn awaits_orphans(&self) -> bool {
        self.deleting && self.has_finalizer(ORPHAN)
    }

    /// Whether it refers to `owner` in a way that blocks the owner's deletion in the foreground.
    pub(super) fn blocks(&self, owner: &str) -> bool {
        self.owners
            .iter()
            .any(|one| one.uid == owner && one.block_owner_deletion == Some(true))
    }
}

/// All objects and their ownership. Its methods say which objects are to be looked at after a change.
#[derive(Debug, Default)]
pub(super) struct Graph {
    nodes: HashMap<Uid, Node>,
    /// By the uid of an owner, whether that is in `nodes` or not.
    dependents: HashMap<Uid, HashSet<Uid>>,
    gone: VecDeque<Uid>,
}

impl Graph {
    pub(super) fn get(&self, uid: &str) -> Option<&Node> {
        self.nodes.get(uid)
    }

    /// The objects that refer to that owner.
    pub(super) fn dependents(&self, uid: &str) -> impl Iterator<Item = (&Uid, &Node)> {
        let uids = self.dependents.get(uid).into_iter().flatten();
        uids.filter_map(|uid| self.nodes.get_key_value(uid))
    }

    /// Whether the watches saw that object go lately.
    pub(super) fn is_gone(&self, uid: &str) -> bool {
        self.gone.iter().any(|gone| gone == uid)
    }

    /// Takes in an object that is new or changed.
    pub(super) fn apply(&mut self, resource: &Arc<Resource>, meta: &ObjectMeta) -> Vec<Uid> {
        let Some(uid) = meta.uid.clone() else {
            return Vec::new();
        };
        let new = Node::new(resource, meta);
        if self.nodes.get(&uid) == Some(&new) {
            return Vec::new();
        }
        let old = self.nodes.insert(uid.clone(), new.clone());
        let old_owners = old
            .as_ref()
            .map(|old| old.owners.as_slice())
            .unwrap_or_default();
        self.relink(&uid, old_owners, &new.owners);
        let mut work = self.unblocked(old_owners, &uid);
        if !new.owners.is_empty() && old_owners != new.owners {
            work.push(uid.clone());
        }
        if new.awaits_dependents() || new.awaits_orphans() {
            work.extend(self.dependents(&uid).map(|(uid, _)| uid.clone()));
            work.push(uid);
        }
        work
    }

    /// Takes out an object that is gone.
    pub(super) fn remove(&mut self, uid: &str) -> Vec<Uid> {
        let Some(node) = self.nodes.remove(uid) else {
            return Vec::new();
        };
        self.relink(uid, &node.owners, &[]);
        if self.gone.len() >= REMEMBERED {
            self.gone.pop_front();
        }
        self.gone.push_back(uid.to_owned());
        let mut work = self.unblocked(&node.owners, uid);
        work.extend(self.dependents(uid).map(|(uid, _)| uid.clone()));
        work
    }

    /// Makes the objects of one resource equal to a complete list.
    pub(super) fn replace(&mut self, resource: &Arc<Resource>, listed: &[ObjectMeta]) -> Vec<Uid> {
        let kept: HashSet<&str> = listed
            .iter()
            .filter_map(|meta| meta.uid.as_deref())
            .collect();
        let lost = |(uid, node): (&Uid, &Node)| {
            (Arc::ptr_eq(&node.resource, resource) && !kept.contains(uid.as_str()))
                .then(|| uid.clone())
        };
        let lost: Vec<Uid> = self.nodes.iter().filter_map(lost).collect();
        let mut work: Vec<Uid> = lost.iter().flat_map(|uid| self.remove(uid)).collect();
        work.extend(listed.iter().flat_map(|meta| self.apply(resource, meta)));
        work
    }

    /// Takes out the objects of a resource that is served no longer. That says nothing of whether they exist, so it
    /// concerns no dependents.
    pub(super) fn forget(&mut self, resource: &Arc<Resource>) {
        let of_resource =
            |(uid, node): (&Uid, &Node)| Arc::ptr_eq(&node.resource, resource).then(|| uid.clone());
        let forgotten: Vec<Uid> = self.nodes.iter().filter_map(of_resource).collect();
        for uid in forgotten {
            if let Some(node) = self.nodes.remove(&uid) {
                self.relink(&uid, &node.owners, &[]);
            }
        }
    }

    fn relink(&mut self, uid: &str, old: &[OwnerReference], new: &[OwnerReference]) {
        for owner in old {
            if let Some(dependents) = self.dependents.get_mut(&owner.uid) {
                dependents.remove(uid);
                if dependents.is_empty() {
                    self.dependents.remove(&owner.uid);
                }
            }
        }
        for owner in new {
            self.dependents
                .entry(owner.uid.clone())
                .or_default()
                .insert(uid.to_owned());
        }
    }

    /// Of the `old` owners of an object those that await their dependents and that it blocks no longer.
    fn unblocked(&self, old: &[OwnerReference], uid: &str) -> Vec<Uid> {
        let blocks = |owner: &str| self.nodes.get(uid).is_some_and(|node| node.blocks(owner));
        let waits = |owner: &str| self.nodes.get(owner).is_some_and(Node::awaits_dependents);
        let owners = old.iter().map(|owner| owner.uid.as_str());
        owners
            .filter(|owner| waits(owner) && !blocks(owner))
            .map(str::to_owned)
            .collect()
    }
}
