//! Who signs for the machines of the cluster: what one asks for, and what it gets.

use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// What a machine asks for, as the body of a POST to `/skiff/v1/join`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeRequest {
    /// The name that its Node is to have.
    pub node: String,
    /// Where its kubelet is reached.
    pub addresses: Vec<IpAddr>,
    /// A PKCS#10 request in PEM with the key by which the kubelet calls; the rest of it does not count.
    pub client_request_pem: String,
    /// One with the key by which the kubelet serves.
    pub serving_request_pem: String,
}

/// What it gets.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeCertificates {
    /// Of the user `system:node:NAME` in the group `system:nodes`.
    pub client_pem: String,
    /// Of a server with the node's name and addresses.
    pub serving_pem: String,
}

/// Signs what a node asks for; an error is the fault of the request.
pub type NodeSigner = Arc<
    dyn Fn(&NodeRequest) -> Result<NodeCertificates, Box<dyn std::error::Error + Send + Sync>>
        + Send
        + Sync,
>;
