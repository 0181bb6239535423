//! A socket of netfilter.

use std::io;

use netlink_proto::sys::protocols::NETLINK_NETFILTER;
use netlink_proto::sys::{AsyncSocket, AsyncSocketExt, SocketAddr, TokioSocket};

use super::message::{DONE, ERROR, Message, Messages};

/// One question at a time, or news of a group.
pub(super) struct Socket(TokioSocket);

impl Socket {
    pub(super) fn open() -> io::Result<Self> {
        let mut socket = TokioSocket::new(NETLINK_NETFILTER)?;
        socket.socket_mut().bind_auto()?;
        Ok(Self(socket))
    }

    /// A socket that gets the news of a group.
    pub(super) fn join(group: u32) -> io::Result<Self> {
        let mut socket = Self::open()?;
        socket.0.socket_mut().add_membership(group)?;
        Ok(socket)
    }

    /// What the kernel sends next. Cancel-safe.
    pub(super) async fn receive(&self) -> io::Result<Vec<u8>> {
        Ok(self.0.recv_from_full().await?.0)
    }

    /// Sends requests and waits until each of them is acknowledged. After a failure some answers may be left unread.
    pub(super) async fn tell(&self, requests: &[u8], mut count: usize) -> io::Result<()> {
        self.0.send_to(requests, &SocketAddr::new(0, 0)).await?;
        while count > 0 {
            let bytes = self.receive().await?;
            for message in Messages(&bytes).filter(|message| message.kind == ERROR) {
                match message.error() {
                    0 => count = count.saturating_sub(1),
                    number => return Err(io::Error::from_raw_os_error(-number)),
                }
            }
        }
        Ok(())
    }

    /// Asks, and hands each message of the answer to `read`.
    pub(super) async fn ask(
        &self,
        request: &[u8],
        mut read: impl FnMut(Message<'_>),
    ) -> io::Result<()> {
        self.0.send_to(request, &SocketAddr::new(0, 0)).await?;
        loop {
            let bytes = self.receive().await?;
            for message in Messages(&bytes) {
                match (message.kind, message.error()) {
                    (DONE, _) | (ERROR, 0) => return Ok(()),
                    (ERROR, number) => return Err(io::Error::from_raw_os_error(-number)),
                    _ => read(message),
                }
            }
        }
    }
}
