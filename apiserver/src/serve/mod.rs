//! Connections: TLS, HTTP/1.1 and HTTP/2, and an orderly end.

mod connection;
mod tls;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::error::Error;
use connection::Connections;

/// The most connections at a time; more wait to be accepted.
const CONNECTIONS: usize = 8192;
/// How long requests may go on after the end has been announced.
const DRAIN: Duration = Duration::from_secs(5);
/// How long to wait after a failure to accept, such as too many open files.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);

/// Serves connections until `shutdown`, then drains them.
pub(crate) async fn run(
    config: &Config,
    router: Router,
    listener: TcpListener,
    shutdown: CancellationToken,
) -> Result<(), Error> {
    let tasks = TaskTracker::new();
    let graceful = GracefulShutdown::new();
    let connections = Connections::new(tls::acceptor(config)?, router, &tasks, &shutdown);
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        // Cancel-safe: a connection that is not accepted stays with the kernel, a place not taken stays free.
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = accept(&listener, &places) => accepted,
        };
        match accepted {
            Ok((tcp, place)) => {
                let connection = connections.serve(tcp, graceful.watcher(), place);
                tasks.spawn(connection);
            }
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                time::sleep(ACCEPT_BACKOFF).await;
            }
        }
    }
    drop(listener);
    tasks.close();
    let drained = async {
        graceful.shutdown().await;
        tasks.wait().await;
    };
    if time::timeout(DRAIN, drained).await.is_err() {
        tracing::warn!("connections were cut after {} s", DRAIN.as_secs());
        connections.cut();
    }
    tasks.wait().await;
    Ok(())
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await;
    let place = place.map_err(|_| io::ErrorKind::BrokenPipe)?;
    let (tcp, _) = listener.accept().await?;
    Ok((tcp, place))
}
