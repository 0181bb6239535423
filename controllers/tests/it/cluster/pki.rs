//! What an API server must have, though nobody here speaks TLS.

use rcgen::{CertificateParams, KeyPair};
use skiff_apiserver::{Config, Identity};

use super::NODE;

pub(super) fn apiserver_config() -> Config {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["localhost".to_owned()])
        .unwrap()
        .self_signed(&key)
        .unwrap();
    let identity = Identity {
        certificate_pem: certificate.pem(),
        key_pem: key.serialize_pem(),
    };
    Config {
        advertise: NODE.1.into(),
        port: 6443,
        tls: identity.clone(),
        client_ca_pem: certificate.pem(),
        service_account_key_pem: key.serialize_pem(),
        kubelet_client: identity.clone(),
        proxy_client: identity,
        proxy_ca_pem: certificate.pem(),
        kubelet_ca_pem: certificate.pem(),
        node_signer: None,
        service_cidr: "10.96.0.0/12".parse().unwrap(),
        node_ports: 30000..=32767,
        cluster_dns: "10.96.0.10".parse().unwrap(),
        cluster_domain: "cluster.local".to_owned(),
    }
}
