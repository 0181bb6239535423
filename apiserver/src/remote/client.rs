//! A client of one server, with the connections that it has open.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::{Builder, Client, Error};
use hyper_util::rt::TokioTimer;
use rustls::ClientConfig;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::dial::Dialer;
use super::words::words;

/// How long a connection that nobody uses stays open.
const IDLE: Duration = Duration::from_secs(90);
/// The most connections to a server that stay open without a request.
const IDLE_CONNECTIONS: usize = 8;

/// The connections to all other servers.
#[derive(Clone, Default)]
pub(crate) struct Remotes {
    tasks: TaskTracker,
    closing: CancellationToken,
}

/// A client of one server. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Remote {
    client: Client<HttpsConnector<Dialer>, Body>,
    connections: Remotes,
}

/// Why a server did not answer, in words.
#[derive(Debug, thiserror::Error)]
#[error("{words}")]
pub(crate) struct RemoteError {
    words: String,
    #[source]
    source: Error,
}

impl Remotes {
    /// A client of a server that `dialer` finds and `tls` trusts.
    pub(super) fn client(&self, dialer: Dialer, tls: Arc<ClientConfig>) -> Remote {
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(tls.as_ref().clone())
            .https_only()
            .enable_http1()
            .wrap_connector(dialer);
        let client = Builder::new(self.clone())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .build(connector);
        Remote {
            client,
            connections: self.clone(),
        }
    }

    /// Ends all connections.
    pub(crate) async fn close(&self) {
        self.closing.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// Connections are tasks that are waited for at the end.
impl<F> Executor<F> for Remotes
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, connection: F) {
        let closing = self.closing.clone();
        self.tasks.spawn(async move {
            // Cancel-safe: what a connection loses at the end of the server, it would have lost anyway.
            tokio::select! {
                _ = connection => {}
                () = closing.cancelled() => {}
            }
        });
    }
}

impl Remote {
    /// Sends a request, whose URI is absolute.
    pub(crate) async fn send(
        &self,
        request: Request<Body>,
    ) -> Result<Response<Incoming>, RemoteError> {
        let sent = self.client.request(request).await;
        sent.map_err(|source| RemoteError {
            words: words(&source),
            source,
        })
    }

    /// Runs what an answer has become, until it ends by itself or all connections end.
    pub(crate) fn spawn(&self, stream: impl Future<Output = ()> + Send + 'static) {
        self.connections.execute(stream);
    }
}
