//! One object.

use serde_json::Value;
use skiff_api::Status;
use skiff_store::{Entry, Snapshot};

use super::Storage;
use crate::codec::object_of;

impl Storage {
    /// The object of that name, as this server knows it, for what is judged anew when it is written; if it knows none, as it
    /// is.
    pub(crate) async fn get(&self, namespace: &str, name: &str) -> Result<Entry, Status> {
        let key = self.key(namespace, name)?;
        let mut snapshot = self.objects.store.snapshot();
        if snapshot.get(&key).is_none() {
            snapshot = self.as_new_as(None).await?;
        }
        self.found(&snapshot, &key, name).await
    }

    /// The object of that name, as new as a request asks for.
    pub(crate) async fn read(
        &self,
        namespace: &str,
        name: &str,
        version: Option<u64>,
    ) -> Result<Entry, Status> {
        let key = self.key(namespace, name)?;
        let snapshot = self.as_new_as(version).await?;
        self.found(&snapshot, &key, name).await
    }

    async fn found(&self, snapshot: &Snapshot, key: &str, name: &str) -> Result<Entry, Status> {
        let entry = snapshot.get(key).cloned();
        let entry = entry.ok_or_else(|| self.not_found(name))?;
        self.versions.shown_one(entry).await
    }

    /// The object of that name, decoded.
    pub(crate) async fn get_object(&self, namespace: &str, name: &str) -> Result<Value, Status> {
        object_of(&self.get(namespace, name).await?.value)
    }
}
