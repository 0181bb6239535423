//! How a component reaches the API server.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http::header::USER_AGENT;
use http::{HeaderValue, Request, Response};
use kube::client::Body;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use parking_lot::RwLock;
use skiff_api::UserInfo;
use tower::{BoxError, Service, ServiceExt};

/// A connection to the API server could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The kubeconfig could not be read or names no usable cluster.
    #[error("kubeconfig {path}")]
    Kubeconfig {
        /// The file.
        path: String,
        /// What is wrong with it.
        #[source]
        source: kube::config::KubeconfigError,
    },
    /// The client could not be made from a sound kubeconfig.
    #[error("client for kubeconfig {path}")]
    Client {
        /// The file.
        path: String,
        /// What failed.
        #[source]
        source: kube::Error,
    },
}

/// A client that a newer one replaces while others use it.
#[derive(Clone)]
pub struct Renewable {
    current: Arc<RwLock<Client>>,
}

impl Renewable {
    /// Uses this client at first.
    pub fn new(client: Client) -> Self {
        Self {
            current: Arc::new(RwLock::new(client)),
        }
    }

    /// Sends new requests through another client. Those under way, watches among them, go on as they are.
    pub fn replace(&self, client: Client) {
        *self.current.write() = client;
    }

    /// A client that sends each request through the one of that moment.
    pub fn client(&self) -> Client {
        let current = Arc::clone(&self.current);
        let namespace = current.read().default_namespace().to_owned();
        let service = tower::service_fn(move |request: Request<Body>| {
            let client = current.read().clone();
            async move { client.send(request).await }
        });
        Client::new(service, namespace)
    }
}

/// Makes the client of each user that a component speaks as.
pub type Clients = Arc<dyn Fn(UserInfo) -> Client + Send + Sync>;

/// As whom managedFields know what a user of the cluster's own writes, as in Kubernetes.
fn program(user: &str) -> &'static str {
    match user {
        "system:kube-scheduler" => "kube-scheduler",
        "system:kube-proxy" => "kube-proxy",
        user if user.starts_with("system:node:") => "kubelet",
        user if user.starts_with("system:") => "kube-controller-manager",
        _ => "skiff",
    }
}

/// A client that calls the API server's service in this process, without TCP or TLS.
///
/// The caller's identity travels as a request extension, which no remote caller can set.
pub fn in_process<S, B>(service: S, identity: UserInfo) -> Client
where
    S: Service<Request<Body>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let program = HeaderValue::from_static(program(&identity.name));
    let identified = service.map_request(move |mut request: Request<Body>| {
        request.headers_mut().insert(USER_AGENT, program.clone());
        request.extensions_mut().insert(identity.clone());
        request
    });
    Client::new(identified, "default")
}

/// A client over TLS by the current context of a kubeconfig file; `program` is as whom managedFields know what it writes.
pub async fn from_kubeconfig(path: &Path, program: &'static str) -> Result<Client, ConnectError> {
    let shown = path.display().to_string();
    let broken = |source| ConnectError::Kubeconfig {
        path: shown.clone(),
        source,
    };
    let kubeconfig = Kubeconfig::read_from(path).map_err(broken)?;
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
        .await
        .map_err(broken)?;
    let program = HeaderValue::from_static(program);
    config.headers.push((USER_AGENT, program));
    Client::try_from(config).map_err(|source| ConnectError::Client {
        path: shown.clone(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    /// A client of a server that answers with that text.
    fn saying(text: &'static str) -> Client {
        let service = tower::service_fn(move |_: Request<Body>| async move {
            Ok::<_, Infallible>(Response::new(Body::from(text.as_bytes().to_vec())))
        });
        in_process(service, UserInfo::new("jane", ["people"]))
    }

    #[tokio::test]
    async fn who_holds_a_client_gets_the_newer_one() {
        let renewable = Renewable::new(saying("old"));
        let held = renewable.client();
        let ask = async || {
            let request = Request::get("/").body(Vec::new()).unwrap();
            held.request_text(request).await.unwrap()
        };
        assert_eq!(ask().await, "old");
        renewable.replace(saying("new"));
        assert_eq!(ask().await, "new");
    }
}
