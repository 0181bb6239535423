//! An API server for one test.

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::Request;
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
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
    pub(crate) store: Store,
    pub(crate) pki: Pki,
    pub(crate) dir: TempDir,
}

impl Cluster {
    /// A fresh one.
    pub(crate) async fn start() -> Self {
        Self::start_with(Options::default()).await
    }

    /// A fresh one whose store has these choices.
    pub(crate) async fn start_with(options: Options) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store");
        let engine = SledEngine::open(&path, SledOptions::default()).unwrap();
        let store = Store::open(Box::new(engine), options).unwrap();
        let pki = Pki::new();
        let server = ApiServer::new(config(&pki), store.clone()).await.unwrap();
        Self {
            server,
            store,
            pki,
            dir,
        }
    }

    /// A fresh one whose server has that address, and may be silent for so long when others are beside it.
    pub(crate) async fn start_among(address: &str, lease: Duration) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store");
        let engine = SledEngine::open(&path, SledOptions::default()).unwrap();
        let store = Store::open(Box::new(engine), Options::default()).unwrap();
        Self::among(store, dir, address, lease).await
    }

    /// One more server over the same store.
    pub(crate) async fn beside(&self, address: &str, lease: Duration) -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self::among(self.store.clone(), dir, address, lease).await
    }

    async fn among(store: Store, dir: TempDir, address: &str, lease: Duration) -> Self {
        let pki = Pki::new();
        let config = Config {
            advertise: address.parse().unwrap(),
            server_lease: Some(lease),
            ..config(&pki)
        };
        let server = ApiServer::new(config, store.clone()).await.unwrap();
        Self {
            server,
            store,
            pki,
            dir,
        }
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

    /// A client over TLS, with a certificate.
    pub(crate) fn tls_client(&self, listening: &Listening, user: &str, group: &str) -> Client {
        let identity = self.pki.client(user, group);
        let url = format!("https://127.0.0.1:{}", listening.port);
        let mut config = kube::Config::new(url.parse().unwrap());
        config.root_cert = Some(vec![der(&self.pki.ca_pem)]);
        config.auth_info.client_certificate_data = Some(BASE64.encode(identity.certificate_pem));
        config.auth_info.client_key_data = Some(BASE64.encode(identity.key_pem).into());
        Client::try_from(config).unwrap()
    }

    /// A client over TLS, with a token or without.
    pub(crate) fn token_client(&self, listening: &Listening, token: Option<&str>) -> Client {
        let url = format!("https://127.0.0.1:{}", listening.port);
        let mut config = kube::Config::new(url.parse().unwrap());
        config.root_cert = Some(vec![der(&self.pki.ca_pem)]);
        config.auth_info.token = token.map(|token| token.to_owned().into());
        Client::try_from(config).unwrap()
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

    /// Ends it as a machine does that loses its power.
    pub(crate) async fn kill(self) {
        self.task.abort();
        within(self.task).await.unwrap_err();
    }
}

/// The certificate in a PEM text.
fn der(pem: &str) -> Vec<u8> {
    let lines = pem.lines().filter(|line| !line.starts_with("-----"));
    BASE64.decode(lines.collect::<String>()).unwrap()
}

fn config(pki: &Pki) -> Config {
    Config {
        advertise: "192.0.2.1".parse().unwrap(),
        port: 6443,
        server_lease: None,
        tls: pki.server("127.0.0.1").shown(),
        client_ca_pem: pki.ca_pem.clone(),
        service_account_key_pem: signing_key(),
        kubelet_client: pki
            .client("kube-apiserver-kubelet-client", "system:masters")
            .shown(),
        kubelet_ca_pem: pki.ca_pem.clone(),
        proxy_client: pki.client("front-proxy-client", "front-proxy").shown(),
        proxy_ca_pem: pki.ca_pem.clone(),
        node_signer: None,
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

pub(crate) const CONFIG_MAPS: &str = "/api/v1/namespaces/default/configmaps";
pub(crate) const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/default/deployments";

pub(crate) fn config_map(name: &str) -> Value {
    json!({"metadata": {"name": name}})
}

pub(crate) fn service_account(name: &str) -> Value {
    json!({"metadata": {"name": name}})
}

pub(crate) fn pod(name: &str) -> Value {
    json!({
        "metadata": {"name": name, "labels": {"app": "web"}},
        "spec": {"containers": [{"name": "nginx", "image": "nginx:1.19"}]},
    })
}

pub(crate) fn deployment(name: &str) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": pod(name)["spec"],
            },
        },
    })
}
