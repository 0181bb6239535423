//! A proxy of connections.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

use super::targets::Targets;

/// Connections of one proxy at a time; more wait until others end.
const CONNECTIONS: usize = 4096;
/// How long an endpoint may take to answer before the next is asked; kube-proxy's first is 250 ms, its last 2 s.
const CONNECT: [Duration; 4] = [
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
];
/// How long nothing is accepted after that failed, as for lack of file descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// Listens, and tells where.
pub(super) async fn start(targets: Arc<Targets>) -> io::Result<(u16, AbortHandle)> {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).await?;
    let port = listener.local_addr()?.port();
    Ok((port, tokio::spawn(serve(listener, targets)).abort_handle()))
}

/// Connections end with this future.
async fn serve(listener: TcpListener, targets: Arc<Targets>) {
    let mut connections = JoinSet::new();
    loop {
        // Both arms are cancel-safe.
        tokio::select! {
            accepted = listener.accept(), if connections.len() < CONNECTIONS => match accepted {
                Ok((client, _)) => drop(connections.spawn(carry(client, targets.clone()))),
                Err(error) => {
                    tracing::debug!(%error, "no connection accepted");
                    tokio::time::sleep(PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn carry(mut client: TcpStream, targets: Arc<Targets>) {
    let Ok(from) = client.peer_addr() else {
        return;
    };
    for patience in CONNECT {
        let Some(at) = targets.choose(from.ip()) else {
            return;
        };
        if let Ok(Ok(mut endpoint)) = tokio::time::timeout(patience, TcpStream::connect(at)).await {
            let _ = tokio::io::copy_bidirectional(&mut client, &mut endpoint).await;
            return;
        }
    }
}
