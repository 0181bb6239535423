//! How a component reaches the API server.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http::header::USER_AGENT;
use http::{HeaderValue, Request, Response};
use kube::client::Body;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use skiff_api::UserInfo;
use tower::{BoxError, Service, ServiceExt};

use crate::{Failover, Server};

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

/// A client over TLS of the API servers of a kubeconfig file; `program` is as whom managedFields know what it writes.
///
/// # Errors
/// When the file cannot be read or names no usable cluster.
pub async fn from_kubeconfig(path: &Path, program: &'static str) -> Result<Client, ConnectError> {
    Ok(Failover::new(servers_of(path, program).await?).client())
}

/// The API servers that a kubeconfig file names as clusters, all for the user of its current context.
///
/// # Errors
/// When the file cannot be read or names no usable cluster.
pub async fn servers_of(path: &Path, program: &'static str) -> Result<Vec<Server>, ConnectError> {
    let shown = path.display().to_string();
    let broken = |source| ConnectError::Kubeconfig {
        path: shown.clone(),
        source,
    };
    let kubeconfig = Kubeconfig::read_from(path).map_err(broken)?;
    let mut servers = Vec::new();
    for cluster in &kubeconfig.clusters {
        let options = KubeConfigOptions {
            cluster: Some(cluster.name.clone()),
            ..KubeConfigOptions::default()
        };
        let mut config = Config::from_custom_kubeconfig(kubeconfig.clone(), &options)
            .await
            .map_err(broken)?;
        let program = HeaderValue::from_static(program);
        config.headers.push((USER_AGENT, program));
        servers.push(Server {
            url: config.cluster_url.to_string(),
            client: Client::try_from(config).map_err(|source| ConnectError::Client {
                path: shown.clone(),
                source,
            })?,
        });
    }
    Ok(servers)
}
