//! Serves a command over a WebSocket.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::channel::{Input, Output, Protocol, decode, encode};
use super::outcome;
use super::websocket::{StreamError, StreamSocket};
use crate::runtime::{ByteSink, ByteSource, ExecSession, RuntimeError, TerminalSize};

/// How much output one message carries.
const OUTPUT_BYTES: usize = 32 << 10;
/// How many messages wait for a client that reads slowly; then the command waits.
const MESSAGES: usize = 16;
/// How long a client may take to close its side.
const CLOSE_LIMIT: Duration = Duration::from_secs(5);

/// Starts a command once the connection is open, carries its streams, and tells its end.
///
/// Returns when all is said. If the client goes away first, the command is killed: nobody could see it end.
pub(crate) async fn serve_exec<F>(socket: StreamSocket, start: F) -> Result<(), StreamError>
where
    F: Future<Output = Result<ExecSession, RuntimeError>>,
{
    let protocol = socket.protocol;
    let stream = socket.open().await?;
    converse(stream, protocol, start).await
}

async fn converse<S, F>(
    stream: WebSocketStream<S>,
    protocol: Protocol,
    start: F,
) -> Result<(), StreamError>
where
    S: AsyncRead + tokio::io::AsyncWrite + Unpin,
    F: Future<Output = Result<ExecSession, RuntimeError>>,
{
    let (sink, mut from_client) = stream.split();
    let (sender, messages) = mpsc::channel(MESSAGES);
    let talking = async {
        let outcome = match start.await {
            Ok(session) => run(session, protocol, &mut from_client, &sender).await,
            Err(error) => Some(Err(error)),
        };
        if let Some(outcome) = outcome {
            tell_end(&outcome, &sender).await;
        }
        drop(sender);
    };
    let (sent, ()) = tokio::join!(send(messages, sink), talking);
    // The client answers the close; without waiting for that it might lose what was sent last.
    let _ = timeout(CLOSE_LIMIT, async {
        while let Some(Ok(_)) = from_client.next().await {}
    })
    .await;
    sent
}

/// Carries the streams until the command has ended and all its output is sent; `None` if the client went away.
async fn run<S>(
    session: ExecSession,
    protocol: Protocol,
    from_client: &mut SplitStream<WebSocketStream<S>>,
    to_client: &mpsc::Sender<Bytes>,
) -> Option<Result<i32, RuntimeError>>
where
    S: AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    // An empty message tells the client that the connection stands, as the real kubelet does.
    let first = match (&session.stdout, &session.stderr) {
        (Some(_), _) => Output::Stdout,
        (None, Some(_)) => Output::Stderr,
        (None, None) => Output::Error,
    };
    let _ = to_client.send(encode(first, b"")).await;

    let ending = async {
        let (outcome, (), ()) = tokio::join!(
            session.exit,
            forward(session.stdout, Output::Stdout, to_client),
            forward(session.stderr, Output::Stderr, to_client),
        );
        outcome
    };
    let listening = listen(from_client, protocol, session.stdin, session.resize);
    tokio::select! {
        outcome = ending => Some(outcome),
        () = listening => None,
    }
}

/// Takes what the client says until it goes away.
async fn listen<S>(
    from_client: &mut SplitStream<WebSocketStream<S>>,
    protocol: Protocol,
    mut stdin: Option<ByteSink>,
    resize: mpsc::Sender<TerminalSize>,
) where
    S: AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    while let Some(Ok(message)) = from_client.next().await {
        let input = match message {
            Message::Binary(bytes) => decode(protocol, bytes),
            Message::Text(text) => decode(protocol, text.into()),
            Message::Close(_) => return,
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => Input::Nothing,
        };
        match input {
            Input::Stdin(bytes) => stdin = write(stdin, &bytes).await,
            Input::StdinEnd => stdin = None,
            // A terminal that cannot keep up gets the next size.
            Input::Resize(size) => drop(resize.try_send(size)),
            Input::Nothing => {}
        }
    }
}

/// Writes input; a command that takes no more loses its stream.
async fn write(stdin: Option<ByteSink>, bytes: &[u8]) -> Option<ByteSink> {
    let mut stdin = stdin?;
    let written = stdin.write_all(bytes).await;
    written.is_ok().then_some(stdin)
}

/// Sends output until the stream ends. An error is an end: the command's own end is told apart.
async fn forward(source: Option<ByteSource>, output: Output, to_client: &mpsc::Sender<Bytes>) {
    let Some(mut source) = source else { return };
    let mut buffer = vec![0; OUTPUT_BYTES];
    while let Ok(count @ 1..) = source.read(&mut buffer).await {
        if to_client
            .send(encode(output, &buffer[..count]))
            .await
            .is_err()
        {
            return;
        }
    }
}

async fn tell_end(outcome: &Result<i32, RuntimeError>, to_client: &mpsc::Sender<Bytes>) {
    let status = serde_json::to_vec(&outcome::status(outcome)).unwrap_or_default();
    let _ = to_client.send(encode(Output::Error, &status)).await;
}

/// Sends messages until there are no more, then closes.
async fn send<S>(
    mut messages: mpsc::Receiver<Bytes>,
    mut sink: SplitSink<WebSocketStream<S>, Message>,
) -> Result<(), StreamError>
where
    S: AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    while let Some(message) = messages.recv().await {
        sink.send(Message::Binary(message))
            .await
            .map_err(StreamError::WebSocket)?;
    }
    // kubectl takes any other end than a normal one for a failure.
    let normal = CloseFrame {
        code: CloseCode::Normal,
        reason: Default::default(),
    };
    sink.send(Message::Close(Some(normal)))
        .await
        .map_err(StreamError::WebSocket)
}

#[cfg(test)]
#[path = "exec_tests.rs"]
mod tests;
