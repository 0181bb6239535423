//! Takes connections and serves each in a task of its own.

use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use skiff_api::UserInfo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::access::user_of_certificate;

/// A caller gets so long for its handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// More than these are not served at the same time.
const CONNECTIONS: usize = 1000;
/// After an accept that failed, for want of file descriptors for example.
const AGAIN: Duration = Duration::from_millis(100);
/// What is under way at the end may go on for so long.
const DRAIN: Duration = Duration::from_secs(1);

/// Serves everyone over TLS; the user that a certificate names is an extension of the requests.
pub(super) async fn with_tls(
    listener: TcpListener,
    tls: TlsAcceptor,
    routes: Router,
    shutdown: CancellationToken,
) {
    serve(listener, shutdown, move |stream, shutdown| {
        let (tls, routes) = (tls.clone(), routes.clone());
        async move {
            let Ok(Ok(stream)) = timeout(HANDSHAKE, tls.accept(stream)).await else {
                return;
            };
            let certificates = stream.get_ref().1.peer_certificates();
            let certificate = certificates.and_then(|all| all.first());
            let user = certificate.and_then(|certificate| user_of_certificate(certificate));
            connection(stream, routes, user, shutdown).await;
        }
    })
    .await;
}

/// Serves everyone.
pub(super) async fn plainly(listener: TcpListener, routes: Router, shutdown: CancellationToken) {
    serve(listener, shutdown, move |stream, shutdown| {
        connection(stream, routes.clone(), None, shutdown)
    })
    .await;
}

async fn serve<F>(
    listener: TcpListener,
    shutdown: CancellationToken,
    handle: impl Fn(tokio::net::TcpStream, CancellationToken) -> F,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            // All arms are cancel-safe.
            accepted = listener.accept(), if connections.len() < CONNECTIONS => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(handle(stream, shutdown.clone()));
                }
                Err(error) => {
                    tracing::debug!(%error, "connection not accepted");
                    sleep(AGAIN).await;
                }
            },
            Some(_) = connections.join_next() => {}
            () = shutdown.cancelled() => break,
        }
    }
    let drained = async { while connections.join_next().await.is_some() {} };
    let _ = timeout(DRAIN, drained).await;
}

async fn connection<S>(
    stream: S,
    routes: Router,
    user: Option<UserInfo>,
    shutdown: CancellationToken,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service =
        TowerToHyperService::new(routes.map_request(move |mut request: Request<Incoming>| {
            if let Some(user) = &user {
                request.extensions_mut().insert(user.clone());
            }
            request.map(axum::body::Body::new)
        }));
    let connection = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        () = shutdown.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}
