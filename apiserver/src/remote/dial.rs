//! The way to a server: by its name and port, or to an endpoint of a Service.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::rt::TokioIo;
use rand::seq::IndexedRandom as _;
use serde_json::Value;
use skiff_store::{Snapshot, Store};
use tokio::net::TcpStream;
use tokio::time;

use super::{Remote, Remotes, Trust};
use crate::address::Address;
use crate::codec::object_of;
use crate::services;

/// How long a server may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A port of a Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServicePort {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) port: u16,
}

impl ServicePort {
    /// The name that the server's certificate must have.
    pub(crate) fn host(&self) -> String {
        format!("{}.{}.svc", self.name, self.namespace)
    }
}

/// Connects to one server.
#[derive(Clone)]
pub(crate) enum Dialer {
    /// The one that the URL names.
    Url,
    /// An endpoint of a Service, looked up each time.
    Service(Store, ServicePort),
}

/// Why a Service leads nowhere.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Missing {
    #[error("service {0:?} not found")]
    Service(String),
    #[error("no service port {1} found for service {0:?}")]
    Port(String, u16),
}

/// Why there is no connection, worded as Go's network package does.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DialError {
    #[error("{0}")]
    NoEndpoint(String),
    #[error("dial tcp {host}:{port}: connect: connection refused")]
    Refused { host: String, port: u16 },
    #[error("dial tcp {host}:{port}: i/o timeout")]
    Timeout { host: String, port: u16 },
    #[error("dial tcp {host}:{port}: {source}")]
    Other {
        host: String,
        port: u16,
        #[source]
        source: io::Error,
    },
}

impl Remotes {
    /// A client of the server that the URLs of its requests name.
    pub(crate) fn of_url(&self, trust: &Trust) -> Result<Remote, rustls::Error> {
        Ok(self.client(Dialer::Url, trust.client()?))
    }

    /// A client of what is behind a Service.
    pub(crate) fn of_service(
        &self,
        store: &Store,
        service: &ServicePort,
        trust: &Trust,
    ) -> Result<Remote, rustls::Error> {
        let dialer = Dialer::Service(store.clone(), service.clone());
        Ok(self.client(dialer, trust.client()?))
    }
}

impl Dialer {
    fn address(&self, uri: &Uri) -> Result<Address, DialError> {
        match self {
            Self::Url => Ok(Address {
                host: uri
                    .host()
                    .unwrap_or_default()
                    .trim_matches(['[', ']'])
                    .to_owned(),
                port: uri.port_u16().unwrap_or(443),
            }),
            Self::Service(store, service) => {
                let found = endpoints_of(&store.snapshot(), service);
                let found = found.map_err(|missing| DialError::NoEndpoint(missing.to_string()))?;
                let chosen = found.choose(&mut rand::rng()).cloned();
                chosen.ok_or_else(|| {
                    let name = &service.name;
                    let words = format!("no endpoints available for service {name:?}");
                    DialError::NoEndpoint(words)
                })
            }
        }
    }
}

/// Where the ready endpoints of a Service's port are; or what is wrong with the Service.
pub(crate) fn endpoints_of(
    snapshot: &Snapshot,
    service: &ServicePort,
) -> Result<Vec<Address>, Missing> {
    let ServicePort {
        namespace,
        name,
        port,
    } = service;
    let read = |plural: &str| {
        let entry = snapshot.get(&format!("/registry/core/{plural}/{namespace}/{name}"))?;
        object_of(&entry.value).ok()
    };
    let object = read("services").ok_or_else(|| Missing::Service(name.clone()))?;
    let spec = &object["spec"];
    if spec["type"] == "ExternalName" {
        let host = spec["externalName"].as_str().unwrap_or_default().to_owned();
        return Ok(vec![Address { host, port: *port }]);
    }
    let mut ports = spec["ports"].as_array().into_iter().flatten();
    if !ports.any(|one| one["port"] == *port) {
        return Err(Missing::Port(name.clone(), *port));
    }
    let endpoints = read("endpoints").unwrap_or(Value::Null);
    Ok(services::endpoints(&object, &endpoints, &port.to_string()))
}

async fn connect(address: Address) -> Result<TokioIo<TcpStream>, DialError> {
    let Address { host, port } = address;
    let connecting = TcpStream::connect((host.as_str(), port));
    let Ok(connected) = time::timeout(CONNECT_TIMEOUT, connecting).await else {
        return Err(DialError::Timeout { host, port });
    };
    match connected {
        Ok(tcp) => {
            // A connection without it is slower, but as good.
            let _ = tcp.set_nodelay(true);
            Ok(TokioIo::new(tcp))
        }
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            Err(DialError::Refused { host, port })
        }
        Err(source) => Err(DialError::Other { host, port, source }),
    }
}

impl tower::Service<Uri> for Dialer {
    type Response = TokioIo<TcpStream>;
    type Error = DialError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, DialError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), DialError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let address = self.address(&uri);
        Box::pin(async move { connect(address?).await })
    }
}
