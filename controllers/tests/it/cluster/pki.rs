//! What an API server must have, though nobody here speaks TLS.

use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair};
use rustls::crypto::aws_lc_rs;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use skiff_apiserver::Config;

use super::NODE;

pub(super) fn apiserver_config() -> Config {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["localhost".to_owned()])
        .unwrap()
        .self_signed(&key)
        .unwrap();
    let chain = vec![certificate.der().clone()];
    let private = key.serialize_der().try_into().unwrap();
    let shown = CertifiedKey::from_der(chain, private, &aws_lc_rs::default_provider()).unwrap();
    let shown = Arc::new(SingleCertAndKey::from(shown));
    Config {
        advertise: NODE.1.into(),
        port: 6443,
        server_lease: None,
        tls: shown.clone(),
        client_ca_pem: certificate.pem(),
        service_account_key_pem: key.serialize_pem(),
        kubelet_client: shown.clone(),
        proxy_client: shown,
        proxy_ca_pem: certificate.pem(),
        kubelet_ca_pem: certificate.pem(),
        node_signer: None,
        service_cidr: "10.96.0.0/12".parse().unwrap(),
        node_ports: 30000..=32767,
        cluster_dns: "10.96.0.10".parse().unwrap(),
        cluster_domain: "cluster.local".to_owned(),
    }
}
