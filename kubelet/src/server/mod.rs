//! What the kubelet serves.
//!
//! ```text
//!   API server ── TLS, client certificate ──┬──► access ──► /containerLogs /exec /attach /portForward /pods /metrics /stats /debug/trace /healthz   (10250)
//!   monitoring ── TLS, bearer token ────────┘
//!   monitoring ── plain, localhost ───────────────────────► /healthz                                                                               (10248)
//! ```

mod access;
mod answer;
mod attach;
mod exec;
mod find;
mod listen;
mod logs;
mod metrics;
mod port_forward;
mod stats;
mod tls;
mod trace;
mod usage_metrics;

use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use k8s_openapi::List;
use k8s_openapi::api::core::v1::Pod;
use skiff_client::Informer;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::access::Access;
use self::answer::Refused;
use crate::pods::Context;
use crate::runtime::{Runtime, StreamRequest};
use crate::stats::Sampler;
use crate::streams::{StreamError, relay};

/// What the handlers share.
pub(crate) struct Served<R> {
    pub(crate) context: Arc<Context<R>>,
    /// The Pods of this node.
    pub(crate) pods: Informer<Pod>,
    sampler: Sampler,
    /// Streams that live on after their answer was begun.
    streams: TaskTracker,
    shutdown: CancellationToken,
}

impl<R: Runtime> Served<R> {
    /// Carries a stream in a task of its own until it ends, or the kubelet does.
    fn carry(&self, stream: impl Future<Output = Result<(), StreamError>> + Send + 'static) {
        let shutdown = self.shutdown.clone();
        self.streams.spawn(async move {
            if let Some(Err(error)) = shutdown.run_until_cancelled(stream).await {
                tracing::debug!(%error, "a stream ended early");
            }
        });
    }

    /// Where the runtime serves a stream.
    async fn stream_url(&self, stream: StreamRequest) -> Result<String, Refused> {
        let url = self.context.runtime.stream_url(stream).await;
        url.map_err(|error| Refused::internal(error.to_string()))
    }

    /// Answers an upgrade with the runtime's own, and passes bytes between the two.
    async fn relay(
        &self,
        stream: StreamRequest,
        request: &mut Request,
    ) -> Result<Response, Refused> {
        let url = self.stream_url(stream).await?;
        let (response, streams) = relay(&url, request).await?;
        self.carry(streams.run());
        Ok(response.map(|()| Body::empty()))
    }
}

/// Serves until `shutdown`.
///
/// # Errors
/// If an address is taken, or a certificate is none.
pub(crate) async fn run<R: Runtime>(
    context: Arc<Context<R>>,
    pods: Informer<Pod>,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let config = &context.host.config;
    let tls =
        tls::acceptor(config.tls.clone(), &config.client_ca_pem).context("the CA of callers")?;
    let bind = async |address| {
        let listener = TcpListener::bind(address).await;
        listener.with_context(|| format!("the kubelet cannot listen on {address}"))
    };
    let secure = bind(config.server_bind).await?;
    let plain = bind(config.healthz_bind).await?;
    let access = Access::new(&context.host.objects.client, &config.node_name);
    let served = Arc::new(Served {
        context: context.clone(),
        pods,
        sampler: Sampler::default(),
        streams: TaskTracker::new(),
        shutdown: shutdown.clone(),
    });
    let guarded = routes(served.clone()).layer(from_fn_with_state(Arc::new(access), Access::guard));
    tokio::join!(
        listen::with_tls(secure, tls, guarded, shutdown.clone()),
        listen::plainly(plain, health_routes(), shutdown),
    );
    served.streams.close();
    served.streams.wait().await;
    Ok(())
}

fn health_routes() -> Router {
    Router::new().route("/healthz", get(async || "ok"))
}

fn routes<R: Runtime>(served: Arc<Served<R>>) -> Router {
    Router::new()
        .route("/pods", get(list_pods))
        .route(
            "/containerLogs/{namespace}/{pod}/{container}",
            get(logs::serve),
        )
        .route("/exec/{namespace}/{pod}/{container}", any(exec::serve))
        .route("/attach/{namespace}/{pod}/{container}", any(attach::serve))
        .route("/portForward/{namespace}/{pod}", any(port_forward::serve))
        .route("/metrics", get(metrics::serve))
        .route("/metrics/cadvisor", get(usage_metrics::cadvisor))
        .route("/metrics/resource", get(usage_metrics::resource))
        .route("/stats/summary", get(stats::serve))
        .route("/debug/trace", get(trace::serve))
        .with_state(served)
        .merge(health_routes())
}

async fn list_pods<R: Runtime>(State(served): State<Arc<Served<R>>>) -> Response {
    let items = served
        .pods
        .list()
        .iter()
        .map(|pod| Pod::clone(pod))
        .collect();
    let list: List<Pod> = List {
        items,
        ..List::default()
    };
    axum::Json(list).into_response()
}
