//! Port-forward of kubectl 1.31 and newer: the bytes of a SPDY connection, carried in a WebSocket's messages (KEP-4006).

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use super::relay::open_spdy;
use super::websocket::{self, StreamError, StreamSocket};

/// What is carried in the tunnel.
const PORT_FORWARD: &str = "portforward.k8s.io";
/// How many bytes one message carries towards the client.
const MESSAGE_BYTES: usize = 32 << 10;

/// Carries a port-forward between the client and the runtime, which serves it at `url`, until one of them ends it.
pub(crate) async fn serve_tunnel(socket: StreamSocket, url: &str) -> Result<(), StreamError> {
    let stream = socket.open().await?;
    let runtime = open_spdy(url, PORT_FORWARD).await?;
    carry(stream, hyper_util::rt::TokioIo::new(runtime)).await
}

/// Carries a port-forward whose client's and runtime's connections are open already, until one of them ends. Public for
/// those who try any bytes on it.
///
/// # Errors
/// When a connection breaks, or the client does not speak WebSocket.
pub async fn carry_tunnel<C, R>(client: C, runtime: R) -> anyhow::Result<()>
where
    C: AsyncRead + AsyncWrite + Unpin,
    R: AsyncRead + AsyncWrite,
{
    Ok(carry(websocket::on(client).await, runtime).await?)
}

async fn carry<C, R>(client: WebSocketStream<C>, runtime: R) -> Result<(), StreamError>
where
    C: AsyncRead + AsyncWrite + Unpin,
    R: AsyncRead + AsyncWrite,
{
    let (mut to_client, mut from_client) = client.split();
    let (mut from_runtime, mut to_runtime) = tokio::io::split(runtime);
    let inward = async {
        while let Some(message) = from_client.next().await {
            match message.map_err(StreamError::WebSocket)? {
                Message::Binary(bytes) => to_runtime.write_all(&bytes).await,
                Message::Close(_) => return Ok(()),
                _ => Ok(()),
            }
            .map_err(StreamError::Connect)?;
        }
        Ok(())
    };
    let outward = async {
        let mut buffer = vec![0; MESSAGE_BYTES];
        while let Ok(count @ 1..) = from_runtime.read(&mut buffer).await {
            let message = Message::Binary(Bytes::copy_from_slice(&buffer[..count]));
            let sent = to_client.send(message).await;
            sent.map_err(StreamError::WebSocket)?;
        }
        let closed = to_client.send(Message::Close(None)).await;
        closed.map_err(StreamError::WebSocket)
    };
    // What is lost when the other side is dropped has nobody to receive it.
    tokio::select! {
        ended = inward => ended,
        ended = outward => ended,
    }
}

#[cfg(test)]
mod tests {
    use tokio_tungstenite::tungstenite::protocol::Role;

    use super::*;

    #[tokio::test]
    async fn messages_become_a_stream_of_bytes_and_back() {
        let (near, far) = tokio::io::duplex(64 << 10);
        let (runtime, mut spdy) = tokio::io::duplex(64 << 10);
        let mut client = WebSocketStream::from_raw_socket(near, Role::Client, None).await;
        let server = WebSocketStream::from_raw_socket(far, Role::Server, None).await;
        let using = async {
            for part in [b"one".as_slice(), b"two"] {
                let message = Message::Binary(Bytes::copy_from_slice(part));
                client.send(message).await.unwrap();
            }
            let mut read = [0; 6];
            spdy.read_exact(&mut read).await.unwrap();
            assert_eq!(&read, b"onetwo");
            spdy.write_all(b"answer").await.unwrap();
            let answer = client.next().await.unwrap().unwrap();
            assert_eq!(answer.into_data().as_ref(), b"answer");
            drop(spdy);
            assert!(client.next().await.unwrap().unwrap().is_close());
        };
        let (carried, ()) = tokio::join!(carry(server, runtime), using);
        carried.unwrap();
    }
}
