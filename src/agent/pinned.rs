//! Trusts one certificate authority that is known by its hash alone: the server shows it beside its own certificate.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use http::Uri;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::token::ca_hash;

/// How long the server may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// The CA of the server, which has the wanted hash and signed the server's certificate.
///
/// # Errors
/// If the server cannot be reached, is of another CA, or goes by another name.
pub(super) async fn fetch_ca(server: &Uri, hash: &str) -> anyhow::Result<CertificateDer<'static>> {
    let host = server.host().unwrap_or_default().trim_matches(['[', ']']);
    let port = server.port_u16().unwrap_or(443);
    let name = ServerName::try_from(host.to_owned()).context("the name of the server")?;
    let connect = async { TcpStream::connect((host, port)).await };
    let tcp = match timeout(PATIENCE, connect).await {
        Ok(tcp) => tcp.with_context(|| format!("reach the server {server}"))?,
        Err(_) => bail!(
            "reach the server {server}: no answer in {} s",
            PATIENCE.as_secs()
        ),
    };
    let connector = TlsConnector::from(Arc::new(config(hash)?));
    let tls = match timeout(PATIENCE, connector.connect(name, tcp)).await {
        Ok(tls) => tls.map_err(|error| explained(server, error))?,
        Err(_) => bail!("{server} does not speak TLS"),
    };
    let chain = tls.get_ref().1.peer_certificates().unwrap_or_default();
    let ca = chain.iter().find(|one| ca_hash(one) == hash);
    Ok(ca.context("the server shows no CA")?.clone().into_owned())
}

fn explained(server: &Uri, error: std::io::Error) -> anyhow::Error {
    let other = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<Error>());
    match other {
        Some(Error::General(why)) => anyhow!("{server}: {why}"),
        _ => anyhow!(error).context(format!("trust the server {server}")),
    }
}

fn config(hash: &str) -> anyhow::Result<ClientConfig> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = Pinned {
        hash: hash.to_owned(),
        provider: provider.clone(),
    };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(config)
}

#[derive(Debug)]
struct Pinned {
    hash: String,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(ca) = intermediates.iter().find(|one| ca_hash(one) == self.hash) else {
            let why = "the server is of another cluster than the token: none of its certificates has the token's hash";
            return Err(Error::General(why.to_owned()));
        };
        let mut roots = RootCertStore::empty();
        roots.add(ca.clone().into_owned())?;
        // What is trusted is this CA alone; name and validity are checked as ever.
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), self.provider.clone())
            .build()
            .map_err(|error| Error::General(error.to_string()))?
            .verify_server_cert(end_entity, &[], server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
