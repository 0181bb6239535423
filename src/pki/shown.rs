//! A certificate that TLS shows, and that is replaced while connections stand.

use std::fmt;
use std::sync::Arc;

use anyhow::Context;
use parking_lot::RwLock;
use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::Identity;

/// What a server or a client shows of itself in each new connection.
pub(crate) struct Shown {
    current: RwLock<Current>,
    /// Certificates beside its own, in PEM.
    beside: String,
}

struct Current {
    identity: Identity,
    key: Arc<CertifiedKey>,
}

impl Shown {
    /// Shows this certificate, with further ones beside it (PEM, or empty).
    pub(super) fn new(identity: Identity, beside: &str) -> anyhow::Result<Self> {
        let key = read(&identity, beside)?;
        Ok(Self {
            current: RwLock::new(Current { identity, key }),
            beside: beside.to_owned(),
        })
    }

    /// What is shown now.
    pub(crate) fn identity(&self) -> Identity {
        self.current.read().identity.clone()
    }

    /// Shows another one from now on; connections that stand stay as they are.
    pub(super) fn replace(&self, identity: Identity) -> anyhow::Result<()> {
        let key = read(&identity, &self.beside)?;
        *self.current.write() = Current { identity, key };
        Ok(())
    }

    fn key(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.current.read().key)
    }
}

fn read(identity: &Identity, beside: &str) -> anyhow::Result<Arc<CertifiedKey>> {
    let chain = format!("{}{beside}", identity.cert_pem);
    let chain = CertificateDer::pem_slice_iter(chain.as_bytes()).collect::<Result<Vec<_>, _>>();
    let chain = chain.context("read the certificate")?;
    let key = PrivateKeyDer::from_pem_slice(identity.key_pem.as_bytes()).context("read the key")?;
    let read = CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider());
    Ok(Arc::new(read.context("use the certificate")?))
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shown")
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.key())
    }
}

impl ResolvesClientCert for Shown {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.key())
    }

    fn has_certs(&self) -> bool {
        true
    }
}
