//! Another API server, as its APIService describes it.

use std::sync::Arc;
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use parking_lot::RwLock;
use rustls::client::ResolvesClientCert;
use serde_json::Value;
use skiff_store::Store;

use crate::remote::{Remote, Remotes, ServicePort, Trust};

/// What an APIService says of its server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Spec {
    /// The APIService's name.
    pub(crate) name: String,
    pub(super) group: String,
    pub(super) version: String,
    pub(crate) service: ServicePort,
    authorities_pem: Vec<u8>,
    insecure: bool,
}

/// Another API server.
pub(crate) struct Backend {
    pub(crate) spec: Spec,
    pub(super) remote: Remote,
    found: RwLock<Found>,
}

/// What the last look at it found.
#[derive(Default)]
struct Found {
    available: bool,
    /// Of its APIResourceList.
    resources: Vec<Value>,
    /// The URL of its schemas.
    schemas: Option<String>,
    /// Found when it was asked for, not by a look.
    document: Option<Document>,
}

/// The part of a server's v2 document that is its own, and since when it is known; none if it has no document.
#[derive(Clone)]
pub(super) struct Document {
    pub(super) part: Option<Bytes>,
    pub(super) since: Instant,
}

impl Spec {
    /// Of an APIService whose server is another one.
    pub(super) fn of(object: &Value) -> Option<Self> {
        let text = |pointer: &str| Some(object.pointer(pointer)?.as_str()?.to_owned());
        let port = object.pointer("/spec/service/port").and_then(Value::as_u64);
        let bundle = text("/spec/caBundle").unwrap_or_default();
        Some(Self {
            name: text("/metadata/name")?,
            group: text("/spec/group")?,
            version: text("/spec/version")?,
            service: ServicePort {
                namespace: text("/spec/service/namespace")?,
                name: text("/spec/service/name")?,
                port: port
                    .and_then(|port| u16::try_from(port).ok())
                    .unwrap_or(443),
            },
            authorities_pem: BASE64.decode(bundle).unwrap_or_default(),
            insecure: object["spec"]["insecureSkipTLSVerify"] == true,
        })
    }

    pub(super) fn key(&self) -> (String, String) {
        (self.group.clone(), self.version.clone())
    }
}

impl Backend {
    pub(super) fn new(
        spec: Spec,
        store: &Store,
        remotes: &Remotes,
        identity: &Arc<dyn ResolvesClientCert>,
    ) -> Result<Self, rustls::Error> {
        let trust = Trust {
            authorities_pem: spec.authorities_pem.clone(),
            insecure: spec.insecure,
            identity: Some(Arc::clone(identity)),
        };
        let remote = remotes.of_service(store, &spec.service, &trust)?;
        Ok(Self {
            spec,
            remote,
            found: RwLock::default(),
        })
    }

    /// Its group and version.
    pub(crate) fn group_version(&self) -> (&str, &str) {
        (&self.spec.group, &self.spec.version)
    }

    /// What it serves: `apis/wardle.example.com/v1alpha1`.
    pub(crate) fn path(&self) -> String {
        format!("apis/{}/{}", self.spec.group, self.spec.version)
    }

    /// Where a path of it is.
    pub(super) fn url(&self, path: &str) -> String {
        let service = &self.spec.service;
        format!("https://{}:{}{path}", service.host(), service.port)
    }

    /// Whether the last look found it sound.
    pub(crate) fn is_available(&self) -> bool {
        self.found.read().available
    }

    /// The resources that it serves, as its APIResourceList tells them.
    pub(crate) fn resources(&self) -> Vec<Value> {
        self.found.read().resources.clone()
    }

    /// Where its schemas are, as a path and query of it.
    pub(crate) fn schemas(&self) -> Option<String> {
        self.found.read().schemas.clone()
    }

    /// Remembers what a look found; `None` if it is not there. What it served is still told meanwhile.
    pub(super) fn found(&self, resources: Option<Vec<Value>>, schemas: Option<String>) {
        let mut found = self.found.write();
        found.available = resources.is_some();
        if let Some(resources) = resources {
            found.resources = resources;
            found.schemas = schemas;
        }
    }

    /// Its v2 document, if that is known.
    pub(super) fn document(&self) -> Option<Document> {
        self.found.read().document.clone()
    }

    /// Remembers its v2 document.
    pub(super) fn documented(&self, document: Document) {
        self.found.write().document = Some(document);
    }
}
