//! Whose certificates are believed, and what is shown to the other side.

use std::sync::Arc;

use rustls::{ClientConfig, Error};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::verify::Verifier;
use crate::Identity;

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
    pub(crate) identity: Option<Arc<Shown>>,
}

/// A certificate and its key, read.
pub(crate) struct Shown {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

/// Reads what is shown to other servers.
pub(crate) fn client_identity(identity: &Identity) -> Result<Shown, crate::Error> {
    let unusable = |error| crate::Error::certificate("proxy client certificate", error);
    let chain = CertificateDer::pem_slice_iter(identity.certificate_pem.as_bytes());
    let chain: Vec<_> = chain.collect::<Result<_, _>>().map_err(unusable)?;
    let key = PrivateKeyDer::from_pem_slice(identity.key_pem.as_bytes()).map_err(unusable)?;
    Ok(Shown { chain, key })
}

impl Trust {
    /// The client's side of TLS.
    pub(super) fn client(&self) -> Result<Arc<ClientConfig>, Error> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?;
        let verifier = Verifier::new(self.authorities(), self.insecure, provider);
        let builder = builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        Ok(Arc::new(match self.identity.as_deref() {
            Some(Shown { chain, key }) => {
                builder.with_client_auth_cert(chain.clone(), key.clone_key())?
            }
            None => builder.with_no_client_auth(),
        }))
    }

    /// What cannot be read is not believed.
    fn authorities(&self) -> Vec<CertificateDer<'static>> {
        let pem = match self.authorities_pem.is_empty() {
            true => std::fs::read(SYSTEM_ROOTS).unwrap_or_default(),
            false => self.authorities_pem.clone(),
        };
        let certificates = CertificateDer::pem_slice_iter(&pem);
        certificates.filter_map(Result::ok).collect()
    }
}
