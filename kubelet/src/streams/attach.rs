//! A session with a container's first process, from the runtime's own WebSocket (`v4.channel.k8s.io`).
//!
//! That protocol cannot end the input alone, so the input has a connection of its own: closing it is its end.

use std::io;

use bytes::Bytes;
use futures::{FutureExt, SinkExt, StreamExt};
use http::HeaderValue;
use http::header::SEC_WEBSOCKET_PROTOCOL;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error as WebSocketError, Message};
use tokio_tungstenite::{WebSocketStream, client_async};
use tonic::Status;

use super::channel::{Output, Protocol, encode_input, encode_size};
use super::relay::place;
use crate::runtime::cri::AttachRequest;
use crate::runtime::{ExecSession, Runtime, RuntimeError, StreamRequest, TerminalSize};

type Connection = WebSocketStream<TcpStream>;

/// How much waits in each stream for one who does not read.
const STREAM_BYTES: usize = 64 << 10;
/// How many sizes of a terminal wait to be set.
const RESIZES: usize = 4;

/// Attaches to a running container. The session ends with the container, or with the input if `ends_with_input`: a
/// container that keeps its input open (no `stdinOnce`) does not notice that a client has no more.
pub(crate) async fn attach<R: Runtime>(
    runtime: &R,
    request: AttachRequest,
    ends_with_input: bool,
) -> Result<ExecSession, RuntimeError> {
    // containerd takes a WebSocket without an input for one whose input has ended, and would end the output with it.
    let outputs = AttachRequest {
        stdin: true,
        ..request.clone()
    };
    let input = AttachRequest {
        stdout: false,
        stderr: false,
        ..request.clone()
    };
    let to_client = connect(runtime, outputs).await?;
    let from_client = match request.stdin {
        true => Some(connect(runtime, input).await?),
        false => None,
    };

    let (stdin, input) = tokio::io::duplex(STREAM_BYTES);
    let (output, stdout) = tokio::io::duplex(STREAM_BYTES);
    let (error, stderr) = tokio::io::duplex(STREAM_BYTES);
    let (resize, resizes) = mpsc::channel(RESIZES);
    let carrying = async move {
        let feeding = async {
            if let Some(connection) = from_client {
                feed(input, connection).await;
            }
            if !(request.stdin && ends_with_input) {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = carry(to_client, output, error, resizes) => {}
            () = feeding => {}
        }
        Ok(0)
    };
    Ok(ExecSession {
        stdin: request.stdin.then(|| Box::pin(stdin) as _),
        stdout: request.stdout.then(|| Box::pin(stdout) as _),
        stderr: (request.stderr && !request.tty).then(|| Box::pin(stderr) as _),
        resize,
        exit: carrying.boxed(),
    })
}

async fn connect<R: Runtime>(
    runtime: &R,
    request: AttachRequest,
) -> Result<Connection, RuntimeError> {
    let failed = |words: String| RuntimeError::rpc("Attach")(Status::internal(words));
    let url = runtime.stream_url(StreamRequest::Attach(request)).await?;
    let (host, _) = place(&url).map_err(|error| failed(error.to_string()))?;
    let connecting = async {
        let tcp = TcpStream::connect(host).await.map_err(WebSocketError::Io)?;
        let mut request = url.replacen("http", "ws", 1).into_client_request()?;
        let protocol = HeaderValue::from_static(Protocol::V4.name());
        request
            .headers_mut()
            .insert(SEC_WEBSOCKET_PROTOCOL, protocol);
        client_async(request, tcp).await
    };
    let connected = connecting.await;
    let (connection, _) = connected.map_err(|error: WebSocketError| failed(error.to_string()))?;
    Ok(connection)
}

/// Passes input on to its end, then closes and waits until the runtime has taken it all.
async fn feed(mut input: DuplexStream, mut connection: Connection) {
    let mut buffer = vec![0; STREAM_BYTES / 2];
    while let Ok(count @ 1..) = input.read(&mut buffer).await {
        let message = Message::Binary(encode_input(&buffer[..count]));
        if connection.send(message).await.is_err() {
            return;
        }
    }
    let _ = connection.close(None).await;
    while let Some(Ok(_)) = connection.next().await {}
}

/// Passes output and sizes on until the runtime ends the connection.
async fn carry(
    connection: Connection,
    mut output: DuplexStream,
    mut error: DuplexStream,
    mut resizes: mpsc::Receiver<TerminalSize>,
) {
    let (mut sink, mut source) = connection.split();
    let resizing = async {
        while let Some(size) = resizes.recv().await {
            // A connection that broke ends the receiving too.
            let _ = sink.send(Message::Binary(encode_size(size))).await;
        }
        std::future::pending::<()>().await;
    };
    let receiving = async {
        while let Some(Ok(message)) = source.next().await {
            let bytes = message.into_data();
            let written = deliver(&bytes, &mut output, &mut error).await;
            if !matches!(written, Ok(true)) {
                return;
            }
        }
    };
    tokio::select! {
        () = resizing => {}
        () = receiving => {}
    }
}

/// Writes a message to the stream that it names; false at the last one.
async fn deliver(
    message: &Bytes,
    output: &mut DuplexStream,
    error: &mut DuplexStream,
) -> io::Result<bool> {
    let Some((channel, payload)) = message.split_first() else {
        return Ok(true);
    };
    match *channel {
        channel if channel == Output::Stdout as u8 => output.write_all(payload).await?,
        channel if channel == Output::Stderr as u8 => error.write_all(payload).await?,
        // The end, with a status that says no more of a container than its own does.
        channel if channel == Output::Error as u8 && !payload.is_empty() => return Ok(false),
        _ => {}
    }
    Ok(true)
}
