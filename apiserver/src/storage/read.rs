//! One object.

use serde_json::Value;
use skiff_api::Status;
use skiff_store::Entry;

use super::convert::shown;
use super::{Storage, object_of};

impl Storage {
    /// The object of that name.
    pub(crate) fn get(&self, namespace: &str, name: &str) -> Result<Entry, Status> {
        let key = self.key(namespace, name)?;
        let snapshot = self.api.store.snapshot();
        let entry = snapshot.get(&key).ok_or_else(|| self.not_found(name))?;
        shown(&self.descriptor, entry)
    }

    /// The object of that name, decoded.
    pub(crate) fn get_object(&self, namespace: &str, name: &str) -> Result<Value, Status> {
        object_of(&self.get(namespace, name)?.value)
    }
}
