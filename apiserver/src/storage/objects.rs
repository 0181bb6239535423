//! All objects, of every kind that is served.

use std::sync::Arc;

use skiff_api::{Descriptor, Status};
use skiff_store::Store;

use super::Storage;
use crate::definitions::Definitions;
use crate::kinds::Kinds;

/// All objects, of every kind that is served.
pub(crate) struct Objects {
    pub(crate) store: Store,
    pub(crate) kinds: Arc<Kinds>,
    pub(crate) definitions: Arc<Definitions>,
}

impl Objects {
    /// Those of a kind.
    pub(crate) fn of(self: &Arc<Self>, descriptor: &Arc<Descriptor>) -> Storage {
        Storage::new(self, descriptor)
    }

    /// Those of a core kind.
    pub(crate) fn core(self: &Arc<Self>, plural: &str) -> Result<Storage, Status> {
        let descriptor = self.kinds.get("", "v1", plural);
        let descriptor =
            descriptor.ok_or_else(|| Status::internal(format!("{plural} are not served")))?;
        Ok(self.of(&descriptor))
    }
}
