//! Connections that become another protocol, such as WebSocket.

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::copy_bidirectional;

/// Carries bytes both ways between a client and the server that answers it, until one side ends.
pub(crate) async fn carry(client: OnUpgrade, server: OnUpgrade) {
    match tokio::try_join!(client, server) {
        Ok((client, server)) => {
            let (mut client, mut server) = (TokioIo::new(client), TokioIo::new(server));
            // One side breaking off is how such a stream usually ends.
            let _ = copy_bidirectional(&mut client, &mut server).await;
        }
        Err(error) => tracing::debug!(%error, "a stream was not upgraded"),
    }
}
