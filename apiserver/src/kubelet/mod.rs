//! Towards kubelets: a TLS client of their port, like any API server. And towards what is proxied.

mod address;

pub(crate) use address::address_of;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, InvalidDnsNameError, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time;
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::address::Address;
use crate::config::Config;
use crate::error::Error;

/// How long a kubelet may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Connections to kubelets, one a request: they are rare, and most of them become streams.
pub(crate) struct Kubelets {
    tls: TlsConnector,
    /// Believes whatever certificate is shown.
    anybody: TlsConnector,
    /// Connections and streams that are open.
    tasks: TaskTracker,
    closing: CancellationToken,
}

/// How a connection is secured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Security {
    /// A kubelet's port: both sides show certificates of the cluster.
    Kubelet,
    /// TLS, whoever answers: what is proxied has certificates of its own making (as kube-apiserver's `ProxyTransport`).
    Anybody,
    /// Not at all.
    Plain,
}

/// What bytes go over.
trait Transport: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Transport for T {}

/// Why a kubelet did not answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KubeletError {
    #[error("dial tcp {host}:{port}")]
    Connect {
        host: String,
        port: u16,
        #[source]
        source: io::Error,
    },
    #[error("{host} is no host name")]
    Name {
        host: String,
        #[source]
        source: InvalidDnsNameError,
    },
    #[error("{host} did not answer")]
    Request {
        host: String,
        #[source]
        source: hyper::Error,
    },
}

impl Kubelets {
    /// Kubelets of a configuration; `anybody` believes whatever certificate is shown.
    pub(crate) fn new(config: &Config, anybody: Arc<ClientConfig>) -> Result<Self, Error> {
        let mut roots = RootCertStore::empty();
        for authority in CertificateDer::pem_slice_iter(config.kubelet_ca_pem.as_bytes()) {
            let authority = authority.map_err(|error| Error::certificate("kubelet CA", error))?;
            let added = roots.add(authority);
            added.map_err(|error| Error::certificate("kubelet CA", error))?;
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::certificate("versions of TLS", error))?
            .with_root_certificates(roots)
            .with_client_cert_resolver(Arc::clone(&config.kubelet_client));
        Ok(Self {
            tls: TlsConnector::from(Arc::new(tls)),
            anybody: TlsConnector::from(anybody),
            tasks: TaskTracker::new(),
            closing: CancellationToken::new(),
        })
    }

    /// Runs a stream until it ends by itself, or [`Kubelets::close`].
    pub(crate) fn spawn(&self, stream: impl Future<Output = ()> + Send + 'static) {
        let closing = self.closing.clone();
        self.tasks.spawn(async move {
            // Cancel-safe: what a stream loses at the end of the server, it would have lost anyway.
            tokio::select! {
                () = stream => {}
                () = closing.cancelled() => {}
            }
        });
    }

    /// Ends all streams.
    pub(crate) async fn close(&self) {
        self.closing.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Sends a request to a kubelet. The connection lives as long as the answer's body, or what it is upgraded to.
    pub(crate) async fn send(
        &self,
        address: &Address,
        request: Request<Body>,
    ) -> Result<Response<Incoming>, KubeletError> {
        self.send_to(address, Security::Kubelet, request).await
    }

    /// Like [`Kubelets::send`], also to others.
    pub(crate) async fn send_to(
        &self,
        address: &Address,
        security: Security,
        request: Request<Body>,
    ) -> Result<Response<Incoming>, KubeletError> {
        let stream = self.connect(address, security).await?;
        let failed = |source| KubeletError::Request {
            host: address.host.clone(),
            source,
        };
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(failed)?;
        self.spawn(async move {
            if let Err(error) = connection.with_upgrades().await {
                tracing::debug!(%error, "a connection to a kubelet broke");
            }
        });
        sender.send_request(request).await.map_err(failed)
    }

    async fn connect(
        &self,
        address: &Address,
        security: Security,
    ) -> Result<Box<dyn Transport>, KubeletError> {
        let Address { host, port } = address.clone();
        let failed = |source| KubeletError::Connect {
            host: host.clone(),
            port,
            source,
        };
        let name = ServerName::try_from(host.clone()).map_err(|source| KubeletError::Name {
            host: host.clone(),
            source,
        })?;
        let connect = async {
            let tcp = TcpStream::connect((host.as_str(), port)).await?;
            tcp.set_nodelay(true)?;
            Ok(match security {
                Security::Kubelet => {
                    Box::new(self.tls.connect(name, tcp).await?) as Box<dyn Transport>
                }
                Security::Anybody => Box::new(self.anybody.connect(name, tcp).await?),
                Security::Plain => Box::new(tcp),
            })
        };
        time::timeout(CONNECT_TIMEOUT, connect)
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            .map_err(failed)
    }
}
