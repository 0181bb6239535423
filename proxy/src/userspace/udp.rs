//! A proxy of datagrams: each client has a socket towards its endpoint, until both are silent for a while.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::task::{AbortHandle, JoinSet};

use super::targets::Targets;

/// Clients of one proxy at a time; datagrams of more are dropped.
const CLIENTS: usize = 4096;
/// How long both may be silent , as a resolver waits for at most.
const SILENCE: Duration = Duration::from_secs(10);
/// The longest datagram.
const DATAGRAM: usize = 65_535;

struct Client {
    endpoint: SocketAddrV4,
    socket: Arc<UdpSocket>,
    answering: AbortHandle,
}

/// Listens, and tells where.
pub(super) async fn start(targets: Arc<Targets>) -> io::Result<(u16, AbortHandle)> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await?;
    let port = socket.local_addr()?.port();
    let serving = tokio::spawn(serve(Arc::new(socket), targets));
    Ok((port, serving.abort_handle()))
}

async fn serve(socket: Arc<UdpSocket>, targets: Arc<Targets>) {
    let mut clients: HashMap<SocketAddr, Client> = HashMap::new();
    let mut answering = JoinSet::new();
    let mut buffer = vec![0; DATAGRAM];
    loop {
        // Both arms are cancel-safe.
        tokio::select! {
            received = socket.recv_from(&mut buffer) => {
                let Ok((length, from)) = received else {
                    continue;
                };
                // Clients must follow when their endpoint goes.
                if let Some(client) = clients.get(&from).filter(|client| !targets.has(&client.endpoint)) {
                    client.answering.abort();
                    clients.remove(&from);
                }
                if !clients.contains_key(&from) && clients.len() < CLIENTS {
                    let Some(client) = connect(from, &socket, &targets, &mut answering).await else {
                        continue;
                    };
                    clients.insert(from, client);
                }
                if let Some(client) = clients.get(&from) {
                    let _ = client.socket.send(&buffer[..length]).await;
                }
            }
            Some(ended) = answering.join_next() => {
                if let Ok(from) = ended
                    && clients.get(&from).is_some_and(|client| client.answering.is_finished())
                {
                    clients.remove(&from);
                }
            }
        }
    }
}

async fn connect(
    from: SocketAddr,
    answers: &Arc<UdpSocket>,
    targets: &Targets,
    answering: &mut JoinSet<SocketAddr>,
) -> Option<Client> {
    let endpoint = targets.choose(from.ip())?;
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await.ok()?;
    socket.connect(endpoint).await.ok()?;
    let socket = Arc::new(socket);
    let answering = answering.spawn(answer(from, socket.clone(), answers.clone()));
    Some(Client {
        endpoint,
        socket,
        answering,
    })
}

/// Carries answers back until there are none for a while; then a client that speaks again gets another turn.
async fn answer(from: SocketAddr, endpoint: Arc<UdpSocket>, client: Arc<UdpSocket>) -> SocketAddr {
    let mut buffer = vec![0; DATAGRAM];
    while let Ok(Ok(length)) = tokio::time::timeout(SILENCE, endpoint.recv(&mut buffer)).await {
        let _ = client.send_to(&buffer[..length], from).await;
    }
    from
}
