//! The server's side of TLS.

use std::sync::Arc;

use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use tokio_rustls::TlsAcceptor;

use crate::config::Config;
use crate::error::Error;

/// Accepts TLS. A client may show a certificate, which is then verified; without one it needs a token.
pub(super) fn acceptor(config: &Config) -> Result<TlsAcceptor, Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let roots = Arc::new(roots(&config.client_ca_pem)?);
    let verifier = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(&provider))
        .allow_unauthenticated()
        .build()
        .map_err(|error| Error::certificate("client CA", error))?;
    let mut tls = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::certificate("versions of TLS", error))?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(Arc::clone(&config.tls));
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(tls)))
}

fn roots(pem: &str) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    for authority in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let authority = authority.map_err(|error| Error::certificate("client CA", error))?;
        let added = roots.add(authority);
        added.map_err(|error| Error::certificate("client CA", error))?;
    }
    Ok(roots)
}
