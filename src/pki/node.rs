//! The keys and certificates of a machine that joins.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::Context;
use rcgen::{CertificateParams, KeyPair};
use skiff_apiserver::{NodeCertificates, NodeRequest};

use super::files::Files;
use super::{Identity, Shown, client_leaf, kubelet_leaf};

const CLIENT: &str = "kubelet-client";
const SERVING: &str = "kubelet";

/// What a machine has since it joined.
pub(crate) struct NodePki {
    pub(crate) client: Identity,
    serving: Identity,
    /// From when on the two are to be replaced: at once if one names too little.
    pub(crate) due: SystemTime,
}

impl NodePki {
    /// Reads it from `dir`; `None` if the machine never joined under that name.
    pub(crate) fn load(dir: &Path, node: &str, address: IpAddr) -> anyhow::Result<Option<Self>> {
        let files = Files::open(dir)?;
        let (Some(client), Some(serving)) = (files.cert(CLIENT)?, files.cert(SERVING)?) else {
            return Ok(None);
        };
        let client_leaf = client_leaf(node);
        if !client_leaf.is_of(&client) {
            return Ok(None);
        }
        Ok(Some(Self {
            due: client_leaf
                .due(&client)
                .min(kubelet_leaf(node, &[address]).due(&serving)),
            client: identity(&files, CLIENT, client)?,
            serving: identity(&files, SERVING, serving)?,
        }))
    }

    /// What the machine's kubelet shows to its callers.
    pub(crate) fn shown(&self) -> anyhow::Result<Arc<Shown>> {
        Shown::new(self.serving.clone(), "").map(Arc::new)
    }

    /// Shows what there is now instead.
    pub(crate) fn show_by(&self, shown: &Shown) -> anyhow::Result<()> {
        shown.replace(self.serving.clone())
    }

    /// What to ask the control plane for; the keys are made at the first time, and never leave the machine.
    pub(crate) fn request(dir: &Path, node: &str, address: IpAddr) -> anyhow::Result<NodeRequest> {
        let files = Files::open(dir)?;
        Ok(NodeRequest {
            node: node.to_owned(),
            addresses: vec![address],
            client_request_pem: request(&files, CLIENT)?,
            serving_request_pem: request(&files, SERVING)?,
        })
    }

    /// Keeps what it answered.
    pub(crate) fn keep(dir: &Path, certificates: &NodeCertificates) -> anyhow::Result<()> {
        let files = Files::open(dir)?;
        files.write_cert(CLIENT, &certificates.client_pem)?;
        files.write_cert(SERVING, &certificates.serving_pem)
    }
}

fn key(files: &Files, name: &str) -> anyhow::Result<String> {
    files.key(name, || {
        let key = KeyPair::generate().with_context(|| format!("make the key of {name}"))?;
        Ok(key.serialize_pem())
    })
}

fn identity(files: &Files, name: &str, cert_pem: String) -> anyhow::Result<Identity> {
    let key_pem = key(files, name)?;
    Ok(Identity { cert_pem, key_pem })
}

fn request(files: &Files, name: &str) -> anyhow::Result<String> {
    let key = KeyPair::from_pem(&key(files, name)?).with_context(|| format!("read {name}.key"))?;
    let request = CertificateParams::default().serialize_request(&key);
    let pem = request.and_then(|request| request.pem());
    pem.with_context(|| format!("make the request of {name}"))
}
