//! Makes an object, or sets right the one that is there.

use serde_json::Value;
use skiff_api::{Reason, metadata};

use crate::admission::Part;
use crate::api::Api;
use crate::error::Error;
use crate::request::unknown;
use crate::writes::{Writer, Writes};

/// What becomes of an object that is there already.
#[derive(Clone, Copy)]
pub(super) enum Standing {
    /// It stays as it is.
    Stays,
    /// It becomes what is wanted.
    SetRight,
    /// It becomes what follows from it and from what is wanted, in this order.
    Becomes(fn(&Value, &Value) -> Value),
}

/// Makes an object of a kind in version `v1`, unless there is one of its name.
pub(super) async fn ensure(api: &Api, wanted: &Value, standing: Standing) -> Result<(), Error> {
    let kind = wanted["kind"].as_str().unwrap_or_default();
    let (namespace, name) = (metadata::namespace(wanted), metadata::name(wanted));
    let done = async {
        let version = wanted["apiVersion"].as_str().unwrap_or_default();
        let (group, version) = version.split_once('/').unwrap_or(("", version));
        let descriptor = api.kinds.of_kind(group, version, kind);
        let storage = api.objects.of(&descriptor.ok_or_else(unknown)?);
        let writes = Writes::new(api, &storage);
        let writer = Writer::default();
        if storage.get(namespace, name).await.is_err() {
            match writes.create(namespace, wanted.clone(), writer).await {
                // By another server, a moment ago.
                Err(status) if status.reason == Reason::AlreadyExists => {}
                made => return made.map(drop),
            }
        }
        let change = match standing {
            Standing::Stays => return Ok(()),
            Standing::SetRight => |_: &Value, wanted: &Value| wanted.clone(),
            Standing::Becomes(change) => change,
        };
        let change = |old: &Value| Ok(change(old, wanted));
        let changed = writes.modify(namespace, name, Part::Main, writer, change);
        changed.await.map(drop)
    };
    done.await.map_err(|source| Error::Bootstrap {
        what: format!("{kind} {namespace}/{name}"),
        source,
    })
}
