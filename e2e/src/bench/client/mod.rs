//! A client of any API server that is cheap enough to measure with: requests as bytes on connections
//! that are opened one by one, TLS and client certificates as a kubeconfig has them.

mod connection;
mod events;
mod kubeconfig;

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use http::Uri;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};

pub(super) use connection::Connection;
pub(super) use events::{Event, Events};

use super::options::Protocol;
use kubeconfig::Kubeconfig;

/// An API server and a user of it.
#[derive(Debug, Clone)]
pub(super) struct ApiServer {
    /// `host:port`, as it is connected to and as the `Host` of requests.
    authority: Arc<str>,
    name: ServerName<'static>,
    tls: Arc<ClientConfig>,
    protocol: Protocol,
}

impl ApiServer {
    /// The API server and the user of the kubeconfig's current context.
    ///
    /// # Errors
    /// If the user has no client certificate: no other way to authenticate is known here.
    pub(super) fn from_kubeconfig(file: &Path, protocol: Protocol) -> Result<Self> {
        let kubeconfig = Kubeconfig::read(file)?;
        let url: Uri = kubeconfig.server.parse()?;
        ensure!(url.path() == "/", "{url}: a path is not supported");
        let authority = url.authority().context("the server has no host")?;
        let port = authority.port_u16().unwrap_or(443);
        let host = authority.host().trim_matches(['[', ']']);
        let name = kubeconfig
            .tls_server_name
            .clone()
            .unwrap_or(host.to_owned());
        let mut tls =
            tls(&kubeconfig).with_context(|| format!("the keys in {}", file.display()))?;
        tls.alpn_protocols = vec![match protocol {
            Protocol::Http1 => b"http/1.1".to_vec(),
            Protocol::Http2 => b"h2".to_vec(),
        }];
        Ok(Self {
            authority: format!("{}:{port}", authority.host()).into(),
            name: ServerName::try_from(name)?,
            tls: Arc::new(tls),
            protocol,
        })
    }

    /// Opens a connection of its own, with a TLS handshake of its own.
    pub(super) async fn connect(&self) -> Result<Connection> {
        Connection::open(self).await
    }
}

fn tls(kubeconfig: &Kubeconfig) -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&kubeconfig.ca_pem) {
        roots.add(certificate?)?;
    }
    let chain = CertificateDer::pem_slice_iter(&kubeconfig.certificate_pem);
    let chain = chain.collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_slice(&kubeconfig.key_pem)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)?;
    Ok(config)
}
