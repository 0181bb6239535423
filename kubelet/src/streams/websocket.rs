//! From an HTTP request to a WebSocket: RFC 6455, section 4.2, by hyper's upgrade.

use std::io;

use http::header::{
    CONNECTION, HeaderMap, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::channel::Protocol;

/// The largest message that a client may send. kubectl's are 32 KiB.
const MESSAGE_LIMIT_BYTES: usize = 4 << 20;

/// Why a request cannot become a stream.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HandshakeError {
    /// It does not ask for a WebSocket.
    #[error("Upgrade request required")]
    NoUpgrade,
    /// It asks for a version of the protocol other than 13, or has no key.
    #[error("the WebSocket handshake is not of version 13")]
    Version,
    /// It asks for no protocol that is served there.
    #[error("unable to upgrade: none of the requested subprotocols is supported: {0}")]
    Protocol(String),
}

impl HandshakeError {
    /// The HTTP status to answer with.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            HandshakeError::Protocol(_) => StatusCode::FORBIDDEN,
            HandshakeError::NoUpgrade | HandshakeError::Version => StatusCode::BAD_REQUEST,
        }
    }
}

/// Why a stream broke.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StreamError {
    /// The connection was not handed over: the client went away before the answer.
    #[error("the connection was not upgraded")]
    Upgrade(#[source] hyper::Error),
    /// The client broke the protocol or the connection.
    #[error("the WebSocket broke")]
    WebSocket(#[source] tungstenite::Error),
    /// The client does not ask for a stream.
    #[error(transparent)]
    Handshake(HandshakeError),
    /// The runtime said that it serves a stream where nothing can be.
    #[error("the runtime serves a stream at {0:?}")]
    Url(String),
    /// The runtime's address could not be reached, or broke off.
    #[error("the runtime's stream")]
    Connect(#[source] io::Error),
    /// The runtime does not speak HTTP as expected.
    #[error("the runtime's answer")]
    Runtime(#[source] hyper::Error),
    /// The runtime does not serve the stream.
    #[error("{status}: {words}")]
    Refused {
        /// Its HTTP status.
        status: StatusCode,
        /// What it says.
        words: String,
    },
}

/// A stream to be: it opens once the answer has been sent.
#[derive(Debug)]
pub(crate) struct StreamSocket {
    upgrade: OnUpgrade,
    pub(super) protocol: Protocol,
}

impl StreamSocket {
    pub(super) async fn open(self) -> Result<WebSocketStream<TokioIo<Upgraded>>, StreamError> {
        let connection = self.upgrade.await.map_err(StreamError::Upgrade)?;
        Ok(on(TokioIo::new(connection)).await)
    }
}

/// The socket on a client's connection, after the handshake.
pub(super) async fn on<C: AsyncRead + AsyncWrite + Unpin>(connection: C) -> WebSocketStream<C> {
    let config = WebSocketConfig::default()
        .max_message_size(Some(MESSAGE_LIMIT_BYTES))
        .max_frame_size(Some(MESSAGE_LIMIT_BYTES));
    WebSocketStream::from_raw_socket(connection, Role::Server, Some(config)).await
}

/// Accepts a WebSocket for the streams of a command: returns the answer to send and the socket to serve after it, in a
/// task of its own.
pub(crate) fn accept<B>(
    request: &mut Request<B>,
) -> Result<(Response<()>, StreamSocket), HandshakeError> {
    accept_as(request, Protocol::CHANNELS)
}

/// Like [`accept`], for the tunnel of a port-forward.
pub(crate) fn accept_tunnel<B>(
    request: &mut Request<B>,
) -> Result<(Response<()>, StreamSocket), HandshakeError> {
    accept_as(request, &[Protocol::Tunnel])
}

fn accept_as<B>(
    request: &mut Request<B>,
    served: &[Protocol],
) -> Result<(Response<()>, StreamSocket), HandshakeError> {
    let headers = request.headers();
    if !names(headers, &CONNECTION, "upgrade") || !names(headers, &UPGRADE, "websocket") {
        return Err(HandshakeError::NoUpgrade);
    }
    let key = headers
        .get(SEC_WEBSOCKET_KEY)
        .filter(|_| names(headers, &SEC_WEBSOCKET_VERSION, "13"))
        .ok_or(HandshakeError::Version)?;
    let accept = derive_accept_key(key.as_bytes());
    let offered = joined(headers, &SEC_WEBSOCKET_PROTOCOL);
    let protocol = Protocol::choose(&offered, served).ok_or(HandshakeError::Protocol(offered))?;
    let upgrade = request
        .extensions_mut()
        .remove::<OnUpgrade>()
        .ok_or(HandshakeError::NoUpgrade)?;

    let mut response = Response::new(());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(
        SEC_WEBSOCKET_PROTOCOL,
        HeaderValue::from_static(protocol.name()),
    );
    // Base64 is always a header's value.
    if let Ok(accept) = HeaderValue::from_str(&accept) {
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    }
    Ok((response, StreamSocket { upgrade, protocol }))
}

/// Whether a header that lists words lists this one.
fn names(headers: &HeaderMap, header: &HeaderName, word: &str) -> bool {
    joined(headers, header)
        .split(',')
        .any(|part| part.trim().eq_ignore_ascii_case(word))
}

/// A header that may be there more than once, as one list.
fn joined(headers: &HeaderMap, header: &HeaderName) -> String {
    let values = headers.get_all(header).iter();
    let texts: Vec<&str> = values.filter_map(|value| value.to_str().ok()).collect();
    texts.join(",")
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use bytes::Bytes;
    use futures::{SinkExt, StreamExt};
    use http_body_util::Empty;
    use hyper::body::Incoming;
    use hyper::server::conn::http1;
    use hyper::service::service_fn;
    use tokio::io::DuplexStream;
    use tokio::sync::mpsc;
    use tokio_tungstenite::client_async;
    use tokio_tungstenite::tungstenite::Message;
    use tokio_tungstenite::tungstenite::client::IntoClientRequest;

    use super::*;

    fn request(headers: &[(&str, &str)]) -> Request<()> {
        let mut request = Request::new(());
        for (name, value) in headers {
            let name: HeaderName = name.parse().unwrap();
            request.headers_mut().append(name, value.parse().unwrap());
        }
        request
    }

    #[test]
    fn requests_that_are_no_handshake_are_refused() {
        let upgrade = [
            ("Connection", "keep-alive, Upgrade"),
            ("Upgrade", "websocket"),
        ];
        let version = [
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        for (headers, status, reason) in [
            (vec![], 400, "Upgrade request required"),
            (
                vec![("Connection", "Upgrade"), ("Upgrade", "SPDY/3.1")],
                400,
                "Upgrade request required",
            ),
            (upgrade.to_vec(), 400, "version 13"),
            (
                [upgrade, version].concat(),
                403,
                "none of the requested subprotocols",
            ),
        ] {
            let error = accept(&mut request(&headers)).unwrap_err();
            assert_eq!(error.status(), status, "{headers:?}");
            assert!(error.to_string().contains(reason), "{error}");
        }
    }

    /// Answers one request over the connection, and serves its socket.
    async fn serve(connection: DuplexStream) {
        let (sender, mut sockets) = mpsc::channel(1);
        let service = service_fn(move |mut request: Request<Incoming>| {
            let sender = sender.clone();
            async move {
                let (response, socket) = accept(&mut request).unwrap();
                sender.send(socket).await.unwrap();
                Ok::<_, Infallible>(response.map(|()| Empty::<Bytes>::new()))
            }
        });
        let http = http1::Builder::new();
        let serving = http
            .serve_connection(TokioIo::new(connection), service)
            .with_upgrades();
        let streaming = async {
            let mut stream = sockets.recv().await.unwrap().open().await.unwrap();
            while let Some(Ok(message)) = stream.next().await {
                if message.is_binary() {
                    stream.send(message).await.unwrap();
                }
            }
        };
        let (served, ()) = tokio::join!(serving, streaming);
        served.unwrap();
    }

    #[tokio::test]
    async fn a_client_gets_the_protocol_it_prefers_and_then_its_stream() {
        let (near, far) = tokio::io::duplex(64 << 10);
        let mut request = "ws://node/exec/default/web/main"
            .into_client_request()
            .unwrap();
        let offer = HeaderValue::from_static("v5.channel.k8s.io, v4.channel.k8s.io");
        request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, offer);
        let using = async {
            let (mut client, answer) = client_async(request, near).await.unwrap();
            assert_eq!(answer.status(), StatusCode::SWITCHING_PROTOCOLS);
            assert_eq!(
                answer.headers()["sec-websocket-protocol"],
                "v5.channel.k8s.io"
            );
            let message = Message::Binary(Bytes::from_static(b"\0hello"));
            client.send(message.clone()).await.unwrap();
            assert_eq!(client.next().await.unwrap().unwrap(), message);
            client.close(None).await.unwrap();
            while client.next().await.is_some() {}
        };
        tokio::join!(serve(far), using);
    }
}
