//! Whether components live, and what they have done: `/healthz` and `/metrics` on the ports that Kubernetes has for them.
//!
//! A component that ends ends skiff, so whoever answers is well.

mod tls;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use http::{Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

pub(crate) use tls::acceptor;

/// More than these are not served at the same time.
const CONNECTIONS: usize = 64;
/// How long a handshake, or the head of a request, may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// After an accept that failed, for want of file descriptors for example.
const AGAIN: Duration = Duration::from_millis(100);

/// A port of a component.
#[derive(Clone)]
pub(crate) struct Port {
    pub(crate) address: SocketAddr,
    /// With it, metrics are for administrators alone.
    pub(crate) tls: Option<TlsAcceptor>,
    /// Whether `/metrics` is served beside `/healthz`, `/livez` and `/readyz`.
    pub(crate) metrics: bool,
}

/// Serves until `shutdown`.
///
/// # Errors
/// If the address is taken.
pub(crate) async fn serve(port: Port, shutdown: CancellationToken) -> anyhow::Result<()> {
    let listener = TcpListener::bind(port.address).await;
    let listener = listener.with_context(|| format!("listen on {}", port.address))?;
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            // All arms are cancel-safe.
            accepted = listener.accept(), if connections.len() < CONNECTIONS => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, port.clone()));
                }
                Err(error) => {
                    tracing::debug!(%error, "connection not accepted");
                    sleep(AGAIN).await;
                }
            },
            Some(_) = connections.join_next() => {}
            // What is under way is short, and asked again.
            () = shutdown.cancelled() => return Ok(()),
        }
    }
}

async fn connection(stream: TcpStream, port: Port) {
    match &port.tls {
        None => http(stream, port.metrics, true).await,
        Some(tls) => {
            let Ok(Ok(stream)) = timeout(PATIENCE, tls.accept(stream)).await else {
                return;
            };
            let certificates = stream.get_ref().1.peer_certificates();
            let caller = certificates.and_then(|all| all.first());
            let is_known = caller.is_some_and(|caller| tls::is_administrator(caller));
            http(stream, port.metrics, is_known).await;
        }
    }
}

async fn http<S>(stream: S, metrics: bool, is_known: bool)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let service = service_fn(async |request: Request<Incoming>| {
        Ok::<_, Infallible>(answer(request.uri().path(), metrics, is_known))
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a connection broke");
    }
}

fn answer(path: &str, metrics: bool, is_known: bool) -> Response<Full<Bytes>> {
    let plain = "text/plain; charset=utf-8";
    let (code, kind, text) = match path {
        "/healthz" | "/livez" | "/readyz" => (StatusCode::OK, plain, "ok".to_owned()),
        "/metrics" if metrics && !is_known => (
            StatusCode::FORBIDDEN,
            plain,
            "only administrators may see the metrics\n".to_owned(),
        ),
        "/metrics" if metrics => (
            StatusCode::OK,
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
            skiff_client::metrics(),
        ),
        _ => (
            StatusCode::NOT_FOUND,
            plain,
            "404 page not found\n".to_owned(),
        ),
    };
    let mut response = Response::new(Full::new(text.into()));
    *response.status_mut() = code;
    let kind = http::HeaderValue::from_static(kind);
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_is_for_all_and_metrics_for_those_who_may() {
        for (path, metrics, is_known, expected) in [
            ("/healthz", false, false, 200),
            ("/readyz", true, false, 200),
            ("/metrics", true, true, 200),
            ("/metrics", true, false, 403),
            ("/metrics", false, true, 404),
            ("/", true, true, 404),
        ] {
            let code = answer(path, metrics, is_known).status();
            assert_eq!(code.as_u16(), expected, "{path} {metrics} {is_known}");
        }
    }
}
