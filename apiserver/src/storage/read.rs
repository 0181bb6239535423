//! One object.

use serde_json::Value;
use skiff_api::Status;
use skiff_store::Entry;

use super::Storage;
use crate::codec::object_of;

impl Storage {
    /// The object of that name.
    pub(crate) async fn get(&self, namespace: &str, name: &str) -> Result<Entry, Status> {
        let key = self.key(namespace, name)?;
        let entry = self.objects.store.snapshot().get(&key).cloned();
        let entry = entry.ok_or_else(|| self.not_found(name))?;
        self.versions.shown_one(entry).await
    }

    /// The object of that name, decoded.
    pub(crate) async fn get_object(&self, namespace: &str, name: &str) -> Result<Value, Status> {
        object_of(&self.get(namespace, name).await?.value)
    }
}
