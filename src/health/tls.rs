//! TLS that takes a certificate of the caller, but does not ask for one.

use std::sync::Arc;

use anyhow::Context;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::pki::Shown;

const ADMINISTRATORS: &str = "system:masters";

/// Shows that certificate, and believes callers who have one of the CA.
pub(crate) fn acceptor(shown: Arc<Shown>, ca_pem: &str) -> anyhow::Result<TlsAcceptor> {
    let mut roots = RootCertStore::empty();
    let ca = CertificateDer::from_pem_slice(ca_pem.as_bytes()).context("read the CA")?;
    roots.add(ca).context("read the CA")?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .allow_unauthenticated()
        .build()
        .context("the CA of callers")?;
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(shown);
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Whether the holder of this certificate, which was verified, is an administrator of the cluster.
pub(super) fn is_administrator(certificate: &CertificateDer<'_>) -> bool {
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else {
        return false;
    };
    let mut groups = certificate.subject().iter_organization();
    groups.any(|group| group.as_str() == Ok(ADMINISTRATORS))
}
