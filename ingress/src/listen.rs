//! The ports: open while there are Ingresses to serve.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::certificates;
use crate::forward::Site;
use crate::headers::Peer;
use crate::pool::Tracked;

/// Connections at a time; more wait in the kernel.
const CONNECTIONS: usize = 8192;
/// How long a handshake, or the head of a request, may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// The longest head of a request, in bytes.
const HEAD: usize = 64 * 1024;
const STREAMS: u32 = 256;
/// How long to wait when the process has no more files to open.
const BREATH: Duration = Duration::from_millis(100);

/// The ports that are served.
pub(crate) struct Listeners {
    http: Option<u16>,
    https: Option<u16>,
    site: Arc<Site>,
    places: Arc<Semaphore>,
    /// Closes the ports that are open.
    open: Option<CancellationToken>,
}

impl Listeners {
    pub(crate) fn new(http: Option<u16>, https: Option<u16>, site: Arc<Site>) -> Self {
        Self {
            http,
            https,
            site,
            places: Arc::new(Semaphore::new(CONNECTIONS)),
            open: None,
        }
    }

    /// Opens the ports, if they are not. A port that is taken is said once, and the other one works.
    pub(crate) async fn open(&mut self) -> anyhow::Result<()> {
        if self.open.is_some() {
            return Ok(());
        }
        let shut = CancellationToken::new();
        if let Some(listener) = bind(self.http).await {
            self.serve(listener, None, &shut);
        }
        if let Some(listener) = bind(self.https).await {
            let tls = certificates::acceptor(self.site.clone())?;
            self.serve(listener, Some(tls), &shut);
        }
        self.open = Some(shut);
        Ok(())
    }

    /// Closes the ports; requests under way are answered.
    pub(crate) fn close(&mut self) {
        if let Some(shut) = self.open.take() {
            shut.cancel();
        }
    }

    fn serve(&self, listener: TcpListener, tls: Option<TlsAcceptor>, shut: &CancellationToken) {
        let (site, shut, places) = (self.site.clone(), shut.clone(), self.places.clone());
        let tasks = site.tasks.clone();
        tasks.spawn(async move {
            let serving = accept(&listener, tls, &site, &shut, &places);
            shut.run_until_cancelled(serving).await;
        });
    }
}

async fn bind(port: Option<u16>) -> Option<TcpListener> {
    let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port?));
    let bound = TcpListener::bind(address).await;
    bound
        .inspect_err(|error| {
            tracing::warn!(%address, %error, "Ingresses are not served here: the port cannot be had");
        })
        .ok()
}

async fn accept(
    listener: &TcpListener,
    tls: Option<TlsAcceptor>,
    site: &Arc<Site>,
    shut: &CancellationToken,
    places: &Arc<Semaphore>,
) {
    let port = listener.local_addr().map_or(0, |address| address.port());
    loop {
        let Ok(place) = places.clone().acquire_owned().await else {
            return;
        };
        let (stream, address) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::debug!(%error, "accept");
                time::sleep(BREATH).await;
                continue;
            }
        };
        let peer = Peer {
            address,
            port,
            tls: tls.is_some(),
        };
        let (site, shut, tls) = (site.clone(), shut.clone(), tls.clone());
        let tasks = site.tasks.clone();
        tasks.spawn(async move {
            let _place = place;
            connection(stream, tls, peer, site, shut).await;
        });
    }
}

async fn connection(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    peer: Peer,
    site: Arc<Site>,
    shut: CancellationToken,
) {
    let _ = stream.set_nodelay(true);
    let Some(tls) = tls else {
        return requests(stream, peer, site, shut).await;
    };
    match time::timeout(PATIENCE, tls.accept(stream)).await {
        Ok(Ok(stream)) => requests(stream, peer, site, shut).await,
        Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
        Err(_) => {}
    }
}

/// Answers the requests of a connection until it ends; after `shut`, those that are under way.
pub(crate) async fn requests<S>(stream: S, peer: Peer, site: Arc<Site>, shut: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let mut builder = Builder::new(Tracked(site.tasks.clone()));
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .max_buf_size(HEAD);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEAD as u32)
        .keep_alive_interval(PATIENCE)
        .keep_alive_timeout(PATIENCE);
    let cut = site.cut.clone();
    let service = service_fn(move |request| {
        let site = site.clone();
        async move { Ok::<_, Infallible>(site.answer(peer, request).await) }
    });
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let served = async {
        // Cancel-safe: the connection stays pinned outside.
        tokio::select! {
            served = connection.as_mut() => return served,
            () = shut.cancelled() => connection.as_mut().graceful_shutdown(),
        }
        connection.await
    };
    if let Some(Err(error)) = cut.run_until_cancelled(served).await {
        tracing::debug!(%error, "a connection broke");
    }
}
