//! The cluster's certificates: made once, and renewed long before their end, at start or while they are in use.
//!
//! ```text
//!   Pki, NodePki ──► files, kubeconfigs
//!     │  └──► Shown ──► every new TLS connection
//!     └──due──► renewal (when) ──► rotation (does it)
//! ```

mod authority;
mod files;
mod kept;
mod node;
mod renewal;
mod rotation;
mod sealed;
mod shared;
mod shown;
mod signer;

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::Context;
use rcgen::KeyPair;
use skiff_apiserver::{NodeCertificates, NodeRequest, NodeSigner};
use skiff_controllers::CertificateSigner;

use authority::{Authority, Leaf};
use files::Files;
use kept::Kept;

pub(crate) use files::write_private;
pub(crate) use node::NodePki;
pub(crate) use rotation::keep_fresh;
pub(crate) use shared::{is_shared, share};
pub(crate) use shown::Shown;

use crate::config::Settings;

/// The files and names of the authorities: of the cluster, and of what the API server shows to those of further groups.
const AUTHORITIES: [(&str, &str); 2] = [("ca", "kubernetes"), ("front-proxy-ca", "front-proxy-ca")];
/// The file of the key that signs the tokens of service accounts.
const SERVICE_ACCOUNT: &str = "service-account";

/// A certificate chain and its private key, in PEM.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Identity {
    pub(crate) cert_pem: String,
    pub(crate) key_pem: String,
}

/// All keys and certificates of a cluster.
pub(crate) struct Pki {
    files: Files,
    authority: Arc<Authority>,
    /// The one CA, for servers and clients.
    pub(crate) ca_pem: String,
    /// Signs service-account tokens (EC P-256).
    pub(crate) service_account_key_pem: String,
    /// Of the certificate that the API server shows to the API servers of further groups.
    pub(crate) front_proxy_ca_pem: String,
    apiserver: Kept,
    apiserver_kubelet_client: Kept,
    front_proxy_client: Kept,
    kubelet: Kept,
    admin: Kept,
}

impl Pki {
    /// Reads the cluster's certificates from `dir`, and makes what is missing, due, or named otherwise.
    pub(crate) fn ensure(dir: &Path, settings: &Settings) -> anyhow::Result<Self> {
        let files = Files::open(dir)?;
        let life = settings.certificate_validity_period.unsigned_abs();
        let ca = |(file, name)| Authority::ensure(&files, file, name, life).map(Arc::new);
        let [authority, front_proxy] = AUTHORITIES.map(ca);
        let (authority, front_proxy) = (authority?, front_proxy?);
        let service_account_key_pem = files.key(SERVICE_ACCOUNT, service_account_key)?;
        let keep = |leaf| Kept::ensure(&files, &authority, leaf, "");
        let (node, address) = (&settings.node.node_name, settings.node.node_ip);
        Ok(Self {
            // Who joins knows the CA by its hash alone, and takes it from there.
            apiserver: Kept::ensure(
                &files,
                &authority,
                apiserver_leaf(settings)?,
                &authority.cert_pem,
            )?,
            apiserver_kubelet_client: keep(Leaf::client(
                "apiserver-kubelet-client",
                "kube-apiserver-kubelet-client",
                "system:masters",
            ))?,
            front_proxy_client: Kept::ensure(
                &files,
                &front_proxy,
                Leaf::client("front-proxy-client", "front-proxy-client", "front-proxy"),
                "",
            )?,
            kubelet: keep(kubelet_leaf(node, &[address]))?,
            admin: keep(Leaf::client("admin", "kubernetes-admin", "system:masters"))?,
            front_proxy_ca_pem: front_proxy.cert_pem.clone(),
            ca_pem: authority.cert_pem.clone(),
            service_account_key_pem,
            authority,
            files,
        })
    }

    /// What the API server shows to its clients.
    pub(crate) fn apiserver(&self) -> Arc<Shown> {
        self.apiserver.shown()
    }

    /// What the API server shows to kubelets.
    pub(crate) fn apiserver_kubelet_client(&self) -> Arc<Shown> {
        self.apiserver_kubelet_client.shown()
    }

    /// What the API server shows to the API servers of further groups.
    pub(crate) fn front_proxy_client(&self) -> Arc<Shown> {
        self.front_proxy_client.shown()
    }

    /// What the kubelet shows to its callers.
    pub(crate) fn kubelet(&self) -> Arc<Shown> {
        self.kubelet.shown()
    }

    /// The administrator's, in the group `system:masters`.
    pub(crate) fn admin(&self) -> Identity {
        self.admin.shown().identity()
    }

    /// From when on one of them is to be replaced.
    pub(crate) fn due(&self) -> SystemTime {
        let due = self.kept().map(Kept::due);
        due.into_iter().min().unwrap_or(SystemTime::UNIX_EPOCH)
    }

    /// Signs those that are due anew, and shows them from now on.
    ///
    /// # Errors
    /// If one cannot be written; those before it are renewed.
    pub(crate) fn renew(&self) -> anyhow::Result<()> {
        let mut kept = self.kept().into_iter();
        kept.try_for_each(|kept| kept.renew(&self.files))
    }

    fn kept(&self) -> [&Kept; 5] {
        [
            &self.apiserver,
            &self.apiserver_kubelet_client,
            &self.front_proxy_client,
            &self.kubelet,
            &self.admin,
        ]
    }

    /// Signs CertificateSigningRequests.
    pub(crate) fn request_signer(&self) -> Arc<dyn CertificateSigner> {
        self.authority.clone()
    }

    /// Signs for machines that join.
    pub(crate) fn node_signer(&self) -> NodeSigner {
        let authority = self.authority.clone();
        Arc::new(move |request| Ok(sign_node(&authority, request)?))
    }
}

fn service_account_key() -> anyhow::Result<String> {
    let key = KeyPair::generate().context("make the service-account key")?;
    Ok(key.serialize_pem())
}

fn apiserver_leaf(settings: &Settings) -> anyhow::Result<Leaf> {
    let domain = &settings.cluster.cluster_domain;
    let mut names = vec![
        "localhost".to_owned(),
        settings.node.node_name.clone(),
        "kubernetes".to_owned(),
        "kubernetes.default".to_owned(),
        "kubernetes.default.svc".to_owned(),
        format!("kubernetes.default.svc.{domain}"),
    ];
    names.dedup();
    let mut addresses = vec![
        IpAddr::from([127, 0, 0, 1]),
        settings.node.node_ip,
        settings.cluster.kubernetes_service()?,
        settings.api_host(),
    ];
    addresses.sort();
    addresses.dedup();
    Ok(Leaf::server(
        "apiserver",
        "kube-apiserver",
        names,
        addresses,
    ))
}

fn kubelet_leaf(node: &str, addresses: &[IpAddr]) -> Leaf {
    Leaf::server(
        "kubelet",
        &format!("system:node:{node}"),
        vec![node.to_owned()],
        addresses.to_vec(),
    )
}

fn client_leaf(node: &str) -> Leaf {
    Leaf::client(
        "kubelet-client",
        &format!("system:node:{node}"),
        "system:nodes",
    )
}

/// The node's two certificates: as a client in the group `system:nodes`, and as a server by its name and addresses.
fn sign_node(authority: &Authority, request: &NodeRequest) -> anyhow::Result<NodeCertificates> {
    let client = client_leaf(&request.node);
    let serving = kubelet_leaf(&request.node, &request.addresses);
    Ok(NodeCertificates {
        client_pem: authority.sign_request(&client, &request.client_request_pem)?,
        serving_pem: authority.sign_request(&serving, &request.serving_request_pem)?,
    })
}
