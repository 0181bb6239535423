//! The schemas of all objects and the paths they are served at, in the forms that clients ask for: OpenAPI v2 in JSON
//! and in protobuf, OpenAPI v3 one document a group. Made when first asked for. Other servers' schemas are in both: in
//! v2 as a part of the document, in v3 as they answer themselves.

mod merge;
mod operations;
mod proto;
mod references;
mod v2;
mod v3;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use parking_lot::Mutex;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use skiff_api::Registry;

pub(crate) use merge::part;

/// The documents that have been asked for, encoded.
#[derive(Default)]
pub(crate) struct Documents {
    v2: Mutex<Arc<V2>>,
    /// Those of built-in kinds never change.
    v3_builtin: Arc<OnceLock<V3Documents>>,
    v3_custom: OnceLock<V3Documents>,
}

/// The v2 document, with what other servers add to it.
#[derive(Default)]
pub(crate) struct V2 {
    others: Vec<Bytes>,
    json: OnceLock<Bytes>,
    proto: OnceLock<Bytes>,
}

/// Documents by the path of their group.
type V3Documents = BTreeMap<String, V3>;

/// The v3 document of one group and version.
struct V3 {
    document: Bytes,
    hash: String,
}

impl Documents {
    /// The documents of other kinds; what is known of the built-in ones is taken along.
    pub(crate) fn renewed(&self) -> Self {
        Self {
            v3_builtin: Arc::clone(&self.v3_builtin),
            ..Self::default()
        }
    }

    /// The v2 document with these parts of other servers. The one that was asked for last is kept.
    pub(crate) fn v2(&self, others: Vec<Bytes>) -> Arc<V2> {
        let mut known = self.v2.lock();
        if known.others != others {
            *known = Arc::new(V2 {
                others,
                ..V2::default()
            });
        }
        Arc::clone(&known)
    }

    /// Where each group's document of version 3 is; the hash lets clients keep it for ever.
    pub(crate) fn v3_index(&self, registry: &Registry) -> Map<String, Value> {
        let documents = self.v3(registry).into_iter().flatten();
        documents
            .map(|(path, V3 { hash, .. })| {
                let url = format!("/openapi/v3/{path}?hash={hash}");
                (path.clone(), json!({"serverRelativeURL": url}))
            })
            .collect()
    }

    /// The document of version 3 of a group such as `apis/apps/v1`.
    pub(crate) fn v3_group(&self, registry: &Registry, path: &str) -> Option<Bytes> {
        let mut documents = self.v3(registry).into_iter();
        let known = documents.find_map(|known| known.get(path))?;
        Some(known.document.clone())
    }

    fn v3(&self, registry: &Registry) -> [&V3Documents; 2] {
        let make = |custom| {
            let documents = v3::documents(registry, custom).into_iter();
            documents
                .map(|(path, document)| (path, V3::new(&document)))
                .collect()
        };
        [
            self.v3_builtin.get_or_init(|| make(false)),
            self.v3_custom.get_or_init(|| make(true)),
        ]
    }
}

impl V2 {
    /// In JSON.
    pub(crate) fn json(&self, registry: &Registry) -> Bytes {
        let make = || self.document(registry).to_string().into();
        self.json.get_or_init(make).clone()
    }

    /// In protobuf.
    pub(crate) fn proto(&self, registry: &Registry) -> Bytes {
        let make = || proto::encode(&self.document(registry)).into();
        self.proto.get_or_init(make).clone()
    }

    fn document(&self, registry: &Registry) -> Value {
        let mut document = v2::document(registry);
        let parts = self.others.iter();
        for part in parts.filter_map(|part| serde_json::from_slice(part).ok()) {
            merge::add(&mut document, part);
        }
        document
    }
}

impl V3 {
    fn new(document: &Value) -> Self {
        let document = Bytes::from(document.to_string());
        let digest = Sha256::digest(&document);
        let hash = digest.iter().map(|byte| format!("{byte:02X}")).collect();
        Self { document, hash }
    }
}
