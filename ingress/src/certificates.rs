//! Certificates from Secrets, chosen by the name that the client asks for.

use std::sync::Arc;

use anyhow::{Context, ensure};
use k8s_openapi::api::core::v1::Secret;
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::forward::Site;
use crate::host;

/// The certificate of a Secret of type `kubernetes.io/tls`.
///
/// # Errors
/// If it has none, or its key is another's.
pub(crate) fn of_secret(secret: &Secret) -> anyhow::Result<CertifiedKey> {
    let data = |key: &str| {
        let data = secret.data.as_ref().and_then(|data| data.get(key));
        data.map(|bytes| bytes.0.as_slice())
            .with_context(|| format!("it has no {key}"))
    };
    let chain = CertificateDer::pem_slice_iter(data("tls.crt")?).collect::<Result<Vec<_>, _>>();
    let chain = chain.context("tls.crt")?;
    ensure!(!chain.is_empty(), "tls.crt holds no certificate");
    let key = PrivateKeyDer::from_pem_slice(data("tls.key")?).context("tls.key")?;
    certified(chain, key)
}

fn certified(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> anyhow::Result<CertifiedKey> {
    let provider: CryptoProvider = aws_lc_rs::default_provider();
    CertifiedKey::from_der(chain, key, &provider).context("certificate and key")
}

/// What clients get whose name no Secret has a certificate for.
fn self_signed() -> anyhow::Result<CertifiedKey> {
    let made = rcgen::generate_simple_self_signed(["ingress.skiff.local".to_owned()])?;
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der());
    let key = key.map_err(anyhow::Error::msg)?;
    certified(vec![made.cert.der().clone()], key)
}

/// Accepts TLS with the certificates of the table of the moment.
pub(crate) fn acceptor(site: Arc<Site>) -> anyhow::Result<TlsAcceptor> {
    let fallback = Arc::new(self_signed().context("the fallback certificate")?);
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(ByName { site, fallback }));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

#[derive(Debug)]
struct ByName {
    site: Arc<Site>,
    fallback: Arc<CertifiedKey>,
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let table = self.site.table();
        let named = hello.server_name().map(host::plain);
        let found = named.and_then(|name| table.certificate(&name).cloned());
        Some(found.unwrap_or_else(|| self.fallback.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::ByteString;
    use std::collections::BTreeMap;

    fn secret(certificate: &str, key: &str) -> Secret {
        let bytes = |text: &str| ByteString(text.as_bytes().to_vec());
        let data = [("tls.crt", bytes(certificate)), ("tls.key", bytes(key))];
        Secret {
            data: Some(BTreeMap::from(
                data.map(|(name, bytes)| (name.to_owned(), bytes)),
            )),
            ..Secret::default()
        }
    }

    #[test]
    fn a_secret_must_hold_a_certificate_and_its_key() {
        let made = || rcgen::generate_simple_self_signed(["a.test".to_owned()]).unwrap();
        let (one, other) = (made(), made());
        let (certificate, key) = (one.cert.pem(), one.signing_key.serialize_pem());
        assert!(of_secret(&secret(&certificate, &key)).is_ok());
        assert!(of_secret(&secret(&certificate, &other.signing_key.serialize_pem())).is_err());
        assert!(of_secret(&secret("", &key)).is_err());
        assert!(of_secret(&Secret::default()).is_err());
        assert!(self_signed().is_ok());
    }
}
