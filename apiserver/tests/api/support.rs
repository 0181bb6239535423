//! An API server for one test.

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use http::Request;
use kube::Client;
use kube::client::Body;
use skiff_api::UserInfo;
use skiff_apiserver::{ApiServer, Config};
use skiff_store::{Options, SledEngine, SledOptions, Store};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::pki::{Pki, signing_key};

const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// An API server over a store of its own.
pub(crate) struct Cluster {
    pub(crate) server: ApiServer,
    pub(crate) pki: Pki,
    pub(crate) dir: TempDir,
}

impl Cluster {
    /// A fresh one.
    pub(crate) async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store");
        let engine = SledEngine::open(&path, SledOptions::default()).unwrap();
        let store = Store::open(Box::new(engine), Options::default()).unwrap();
        let pki = Pki::new();
        let server = ApiServer::new(config(&pki), store).await.unwrap();
        Self { server, pki, dir }
    }

    /// A client in the process.
    pub(crate) fn client(&self, user: &str, groups: &[&str]) -> Client {
        let user = UserInfo::new(user, groups.iter().copied());
        let service = self.server.service();
        let service = service.map_request(move |mut request: Request<Body>| {
            request.extensions_mut().insert(user.clone());
            request
        });
        Client::new(service, "default")
    }

    /// A client that may do everything.
    pub(crate) fn admin(&self) -> Client {
        self.client("admin", &["system:masters"])
    }

    /// Serves TLS on a port of its own until the answer is dropped.
    pub(crate) async fn listen(&self) -> Listening {
        let listener = TcpListener::bind((LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shutdown = CancellationToken::new();
        let (server, end) = (self.server.clone(), shutdown.clone());
        let task = tokio::spawn(async move { server.serve(listener, end).await.unwrap() });
        Listening {
            port,
            shutdown,
            task,
        }
    }
}

/// A server that listens.
pub(crate) struct Listening {
    pub(crate) port: u16,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

impl Listening {
    /// Ends it, and waits for that.
    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        within(self.task).await.unwrap();
    }
}

fn config(pki: &Pki) -> Config {
    Config {
        advertise: "192.0.2.1".parse().unwrap(),
        port: 6443,
        tls: pki.server("127.0.0.1"),
        client_ca_pem: pki.ca_pem.clone(),
        service_account_key_pem: signing_key(),
        kubelet_client: pki.client("kube-apiserver-kubelet-client", "system:masters"),
        kubelet_ca_pem: pki.ca_pem.clone(),
        service_cidr: "10.96.0.0/12".parse().unwrap(),
        node_ports: 30000..=32767,
        cluster_dns: "10.96.0.10".parse().unwrap(),
        cluster_domain: "cluster.local".to_owned(),
    }
}

/// Waits, but not for ever.
pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future)
        .await
        .expect("it takes longer than 20 s")
}
