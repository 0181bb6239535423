//! Keys that are taken or freed together with a write.

use serde_json::Value;
use skiff_api::field;
use skiff_store::{Batch, Key, Precondition, Snapshot, Value as Stored};

/// A key to be taken.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Claim {
    pub(crate) key: Key,
    /// What stands there then; the owner's key if it is no object.
    pub(crate) object: Option<Value>,
    /// What to answer if it is taken already; `None` if another one would do.
    pub(crate) taken: Option<field::Error>,
}

/// The keys that a write takes and frees.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Claims {
    pub(crate) acquire: Vec<Claim>,
    pub(crate) release: Vec<Key>,
    /// What else it was planned on.
    pub(crate) require: Vec<Precondition>,
}

impl Claims {
    /// Adds them to a batch, behind the preconditions that it has.
    pub(crate) fn add_to(
        &self,
        mut batch: Batch,
        owner: &Key,
        encode: fn(&Value) -> Stored,
    ) -> Batch {
        for claim in &self.acquire {
            let plain = || Stored::plain(owner.as_str().to_owned());
            let stored = claim.object.as_ref().map_or_else(plain, encode);
            batch = batch
                .require(Precondition::Absent(claim.key.clone()))
                .put(claim.key.clone(), stored);
        }
        for key in &self.release {
            batch = batch.delete(key.clone());
        }
        batch.preconditions.extend(self.require.iter().cloned());
        batch
    }

    /// What to answer to a dry run, which looks for what a commit would run into.
    pub(crate) fn conflict(&self, snapshot: &Snapshot) -> Option<field::Error> {
        let mut claims = self.acquire.iter();
        let taken = claims.find(|claim| snapshot.get(&claim.key).is_some())?;
        taken.taken.clone()
    }

    /// What to answer when the claim of that number failed: `None` means, try another one.
    pub(crate) fn taken(&self, number: usize) -> Option<field::Error> {
        self.acquire.get(number)?.taken.clone()
    }
}
