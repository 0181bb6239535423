//! TLS that takes a certificate of the caller, but does not insist on one.

use std::sync::Arc;

use anyhow::Context as _;
use rustls::crypto::aws_lc_rs;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::config::Identity;

fn certificates(pem: &str) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let all = CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<Vec<_>, _>>();
    all.context("a certificate in PEM")
}

/// Accepts callers that show a certificate of the CA, and those that show none.
pub(super) fn acceptor(identity: &Identity, client_ca_pem: &str) -> anyhow::Result<TlsAcceptor> {
    let mut roots = RootCertStore::empty();
    for authority in certificates(client_ca_pem)? {
        roots.add(authority).context("the CA of callers")?;
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .allow_unauthenticated()
        .build()
        .context("the CA of callers")?;
    let key =
        PrivateKeyDer::from_pem_slice(identity.key_pem.as_bytes()).context("the private key")?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(verifier)
        .with_single_cert(certificates(&identity.cert_pem)?, key)
        .context("the serving certificate")?;
    // Streams are upgrades, which HTTP/2 does not have.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
