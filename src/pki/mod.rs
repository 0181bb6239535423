//! The cluster's certificates, made once and renewed at start when they are near their end or name too little.

mod authority;
mod files;
mod node;
mod signer;

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use rcgen::KeyPair;
use skiff_apiserver::{NodeCertificates, NodeRequest, NodeSigner};
use skiff_controllers::CertificateSigner;

use authority::{Authority, Leaf};
use files::Files;

pub(crate) use files::write_private;
pub(crate) use node::NodePki;

use crate::config::Settings;

/// A certificate chain and its private key, in PEM.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) cert_pem: String,
    pub(crate) key_pem: String,
}

/// All keys and certificates of a cluster.
pub(crate) struct Pki {
    authority: Arc<Authority>,
    /// The one CA, for servers and clients.
    pub(crate) ca_pem: String,
    /// Signs service-account tokens (EC P-256).
    pub(crate) service_account_key_pem: String,
    /// The API server's own.
    pub(crate) apiserver: Identity,
    /// The API server's towards kubelets.
    pub(crate) apiserver_kubelet_client: Identity,
    /// The API server's towards the API servers of further groups.
    pub(crate) front_proxy_client: Identity,
    /// Whose certificate that is.
    pub(crate) front_proxy_ca_pem: String,
    /// The kubelet's own.
    pub(crate) kubelet: Identity,
    /// The administrator's, in the group `system:masters`.
    pub(crate) admin: Identity,
}

impl Pki {
    /// Reads the cluster's certificates from `dir`, and makes what is missing, about to expire, or named otherwise.
    pub(crate) fn ensure(dir: &Path, settings: &Settings) -> anyhow::Result<Self> {
        let files = Files::open(dir)?;
        let authority = Authority::ensure(&files, "ca", "kubernetes")?;
        let front_proxy = Authority::ensure(&files, "front-proxy-ca", "front-proxy-ca")?;
        let service_account_key_pem = files.key("service-account", || {
            Ok(KeyPair::generate()
                .context("make the service-account key")?
                .serialize_pem())
        })?;
        Ok(Self {
            apiserver: authority.ensure_leaf(&files, &apiserver_leaf(settings)?)?,
            apiserver_kubelet_client: authority.ensure_leaf(
                &files,
                &Leaf::client(
                    "apiserver-kubelet-client",
                    "kube-apiserver-kubelet-client",
                    "system:masters",
                ),
            )?,
            front_proxy_client: front_proxy.ensure_leaf(
                &files,
                &Leaf::client("front-proxy-client", "front-proxy-client", "front-proxy"),
            )?,
            front_proxy_ca_pem: front_proxy.cert_pem,
            kubelet: authority.ensure_leaf(
                &files,
                &kubelet_leaf(&settings.node.node_name, &[settings.node.node_ip]),
            )?,
            admin: authority.ensure_leaf(
                &files,
                &Leaf::client("admin", "kubernetes-admin", "system:masters"),
            )?,
            ca_pem: authority.cert_pem.clone(),
            service_account_key_pem,
            authority: Arc::new(authority),
        })
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
