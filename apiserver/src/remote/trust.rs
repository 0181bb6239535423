//! Whose certificates are believed, and what is shown to the other side.

use std::sync::Arc;

use rustls::client::ResolvesClientCert;
use rustls::{ClientConfig, Error};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use super::verify::Verifier;

/// What the machine believes when nothing else is said.
const SYSTEM_ROOTS: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Whose certificates are believed, and what is shown to the other side.
#[derive(Clone, Default)]
pub(crate) struct Trust {
    /// Authorities in PEM; those of the machine if it is empty.
    pub(crate) authorities_pem: Vec<u8>,
    /// Every certificate is believed.
    pub(crate) insecure: bool,
    /// What this server shows.
    pub(crate) identity: Option<Arc<dyn ResolvesClientCert>>,
}

impl Trust {
    /// The client's side of TLS.
    pub(crate) fn client(&self) -> Result<Arc<ClientConfig>, Error> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?;
        let verifier = Verifier::new(self.authorities(), self.insecure, provider);
        let builder = builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        Ok(Arc::new(match &self.identity {
            Some(identity) => builder.with_client_cert_resolver(Arc::clone(identity)),
            None => builder.with_no_client_auth(),
        }))
    }

    /// What cannot be read is not believed.
    fn authorities(&self) -> Vec<CertificateDer<'static>> {
        if self.insecure {
            return Vec::new();
        }
        let pem = match self.authorities_pem.is_empty() {
            true => std::fs::read(SYSTEM_ROOTS).unwrap_or_default(),
            false => self.authorities_pem.clone(),
        };
        let certificates = CertificateDer::pem_slice_iter(&pem);
        certificates.filter_map(Result::ok).collect()
    }
}
