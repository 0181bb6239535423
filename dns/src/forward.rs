//! Names outside the zone: asked of the upstreams.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hickory_proto::op::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::Semaphore;

/// How long one upstream may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// Questions on their way at once; more are refused, so that a dead upstream cannot fill the memory.
const AT_ONCE: usize = 512;
/// The largest answer over UDP that EDNS can name.
const LARGEST: usize = 65_535;

/// Asks upstreams.
pub(crate) struct Forwarder {
    upstreams: Vec<SocketAddr>,
    /// The one that answered last is asked first, so that a dead one before it costs its patience once.
    first: AtomicUsize,
    places: Semaphore,
}

/// Why nobody upstream answered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ForwardError {
    #[error("too many questions are on their way")]
    Busy,
    #[error("there is no upstream")]
    NoUpstream,
    #[error("upstream {at}")]
    Upstream {
        at: SocketAddr,
        source: std::io::Error,
    },
    #[error("upstream {at} did not answer in time")]
    Late { at: SocketAddr },
    #[error("upstream {at} answered something else")]
    Malformed { at: SocketAddr },
}

impl Forwarder {
    pub(crate) fn new(upstreams: Vec<SocketAddr>) -> Self {
        Self {
            upstreams,
            first: AtomicUsize::new(0),
            places: Semaphore::new(AT_ONCE),
        }
    }

    /// Asks each upstream in turn until one answers; over TCP if the asker came so.
    pub(crate) async fn ask(&self, query: &[u8], over_tcp: bool) -> Result<Message, ForwardError> {
        let _place = self.places.try_acquire().map_err(|_| ForwardError::Busy)?;
        let mut failed = ForwardError::NoUpstream;
        let first = self.first.load(Ordering::Relaxed);
        let turns = self.upstreams.iter().enumerate().cycle().skip(first);
        for (turn, at) in turns.take(self.upstreams.len()) {
            match tokio::time::timeout(PATIENCE, exchange(*at, query, over_tcp)).await {
                Ok(Ok(answer)) => {
                    self.first.store(turn, Ordering::Relaxed);
                    return Ok(answer);
                }
                Ok(Err(error)) => failed = error,
                Err(_) => failed = ForwardError::Late { at: *at },
            }
        }
        Err(failed)
    }
}

async fn exchange(at: SocketAddr, query: &[u8], over_tcp: bool) -> Result<Message, ForwardError> {
    let broken = |source| ForwardError::Upstream { at, source };
    let bytes = if over_tcp {
        by_tcp(at, query).await
    } else {
        by_udp(at, query).await
    }
    .map_err(broken)?;
    let answer = Message::from_vec(&bytes).map_err(|_| ForwardError::Malformed { at })?;
    // The socket is connected and its port random; the number must match as well, or anyone could answer.
    if query.get(..2) != Some(&answer.metadata.id.to_be_bytes()[..]) {
        return Err(ForwardError::Malformed { at });
    }
    Ok(answer)
}

async fn by_udp(at: SocketAddr, query: &[u8]) -> std::io::Result<Vec<u8>> {
    let any: SocketAddr = if at.is_ipv4() {
        ([0, 0, 0, 0], 0).into()
    } else {
        ([0u16; 8], 0).into()
    };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(at).await?;
    socket.send(query).await?;
    let mut answer = vec![0; LARGEST];
    let length = socket.recv(&mut answer).await?;
    answer.truncate(length);
    Ok(answer)
}

async fn by_tcp(at: SocketAddr, query: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(at).await?;
    let length = u16::try_from(query.len()).map_err(std::io::Error::other)?;
    stream
        .write_all(&[&length.to_be_bytes()[..], query].concat())
        .await?;
    let mut answer = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_dead_upstream_is_waited_for_once() {
        let dead = UdpSocket::bind("127.0.0.1:0").await.expect("bind");
        let good = UdpSocket::bind("127.0.0.1:0").await.expect("bind");
        let upstreams = [&dead, &good].map(|socket| socket.local_addr().expect("an address"));
        tokio::spawn(async move {
            let mut buffer = [0; 512];
            while let Ok((length, from)) = good.recv_from(&mut buffer).await {
                good.send_to(&buffer[..length], from).await.expect("sent");
            }
        });
        let forwarder = Forwarder::new(upstreams.to_vec());
        let query = Message::query().to_vec().expect("encoded");
        for _ in 0..3 {
            forwarder.ask(&query, false).await.expect("answered");
        }
        let mut asked = 0;
        while dead.try_recv(&mut [0; 512]).is_ok() {
            asked += 1;
        }
        assert_eq!(asked, 1);
    }

    #[tokio::test]
    async fn without_an_upstream_that_is_said() {
        let nobody = Forwarder::new(Vec::new()).ask(&[0, 1], false).await;
        assert!(matches!(nobody, Err(ForwardError::NoUpstream)));
    }
}
