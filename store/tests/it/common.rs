//! What the tests of the store share.

use std::path::Path;

use skiff_store::{Batch, Change, Key, Options, SledEngine, SledOptions, Store, Value};

pub(crate) fn open(dir: &Path, options: Options) -> Store {
    let engine = SledEngine::open(dir, SledOptions::default()).unwrap();
    Store::open(Box::new(engine), options).unwrap()
}

pub(crate) fn key(key: &str) -> Key {
    Key::new(key).unwrap()
}

/// Writes `key`, whatever stands there.
pub(crate) fn put(name: &str, value: &str) -> Batch {
    Batch::default().put(key(name), Value::plain(value.to_owned()))
}

/// A change as a reader would write it down: `put /a=v@7 was 5` or `delete /a@8 was 7`.
pub(crate) fn line(change: &Change) -> String {
    let was = change.previous().map(|previous| previous.revision);
    let was = was.map_or(String::new(), |revision| format!(" was {revision}"));
    match change {
        Change::Put { entry, .. } => {
            let value = String::from_utf8_lossy(&entry.value);
            format!("put {}={value}@{}{was}", entry.key, entry.revision)
        }
        Change::Delete { previous, revision } => format!("delete {}@{revision}{was}", previous.key),
    }
}
