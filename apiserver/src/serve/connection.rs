//! One connection, from its handshake to its end.

use std::convert::Infallible;
use std::future::Future;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::Watcher;
use skiff_api::UserInfo;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
use tokio::time;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use crate::authn::user_of_certificate;
use crate::request::Shutdown;

/// How long a handshake, or the head of a request, may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often a silent HTTP/2 connection is asked whether it is still there.
const PING_EVERY: Duration = Duration::from_secs(60);
/// How long a client may take nothing of what was sent, or be silent below TCP. Terminals are stopped and go on after a
/// while, so it is long.
const TAKEN_WITHIN: Duration = Duration::from_secs(10 * 60);
const STREAMS: u32 = 1000;

/// Makes connections of sockets.
pub(super) struct Connections {
    tls: TlsAcceptor,
    router: Router,
    builder: Builder<Tracked>,
    shutdown: CancellationToken,
    cut: CancellationToken,
}

/// Runs the streams of HTTP/2 as tasks that are waited for.
#[derive(Clone)]
struct Tracked(TaskTracker);

impl<F> Executor<F> for Tracked
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        self.0.spawn(future);
    }
}

impl Connections {
    pub(super) fn new(
        tls: TlsAcceptor,
        router: Router,
        tasks: &TaskTracker,
        shutdown: &CancellationToken,
    ) -> Self {
        let mut builder = Builder::new(Tracked(tasks.clone()));
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(PATIENCE);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS)
            .keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PATIENCE);
        Self {
            tls,
            router,
            builder,
            shutdown: shutdown.clone(),
            cut: CancellationToken::new(),
        }
    }

    /// Ends the connections that are left.
    pub(super) fn cut(&self) {
        self.cut.cancel();
    }

    /// Serves a connection until its end; holds its place as long.
    pub(super) fn serve(
        &self,
        tcp: TcpStream,
        watcher: Watcher,
        place: impl Send + 'static,
    ) -> impl Future<Output = ()> + Send + 'static {
        let (tls, router) = (self.tls.clone(), self.router.clone());
        let (builder, shutdown, cut) = (
            self.builder.clone(),
            self.shutdown.clone(),
            self.cut.clone(),
        );
        async move {
            let _place = place;
            set_up(&tcp);
            // Cancel-safe: who is still at the handshake has asked for nothing that could be lost.
            let tls = tokio::select! {
                () = shutdown.cancelled() => return,
                accepted = time::timeout(PATIENCE, tls.accept(tcp)) => match accepted {
                    Ok(Ok(tls)) => tls,
                    Ok(Err(error)) => return tracing::debug!(%error, "a TLS handshake failed"),
                    Err(_) => return,
                },
            };
            let certificates = tls.get_ref().1.peer_certificates();
            let leaf = certificates.and_then(<[_]>::first);
            let user = leaf.and_then(user_of_certificate);
            let service = service_fn(move |request: Request<Incoming>| {
                answer(router.clone(), request, user.clone(), shutdown.clone())
            });
            let connection = builder.serve_connection_with_upgrades(TokioIo::new(tls), service);
            // Cancel-safe: when the connection is cut, nobody asks for what is lost.
            tokio::select! {
                served = watcher.watch(connection) => if let Err(error) = served {
                    tracing::debug!(%error, "a connection broke");
                },
                () = cut.cancelled() => {}
            }
        }
    }
}

/// Sends at once, and ends the connection when nothing is taken for too long or nobody is there any more: watchers that
/// do not read are cut by the kernel.
fn set_up(tcp: &TcpStream) {
    let socket = SockRef::from(tcp);
    let keepalive = TcpKeepalive::new()
        .with_time(PING_EVERY)
        .with_interval(PATIENCE);
    let done = socket
        .set_tcp_nodelay(true)
        .and_then(|()| socket.set_tcp_keepalive(&keepalive))
        .and_then(|()| socket.set_tcp_user_timeout(Some(TAKEN_WITHIN)));
    if let Err(error) = done {
        tracing::debug!(%error, "a socket keeps its options");
    }
}

async fn answer(
    router: Router,
    request: Request<Incoming>,
    user: Option<UserInfo>,
    shutdown: CancellationToken,
) -> Result<Response<Body>, Infallible> {
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(Shutdown(shutdown));
    if let Some(user) = user {
        request.extensions_mut().insert(user);
    }
    router.oneshot(request).await
}
