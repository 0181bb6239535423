//! Passes a client's stream on to the runtime as bytes: containerd serves SPDY/3.1 itself, so nothing here needs to know it.

use bytes::Bytes;
use http::header::{CONNECTION, HOST, HeaderMap, HeaderValue, UPGRADE};
use http::{HeaderName, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::websocket::{HandshakeError, StreamError};

/// By which client and server of SPDY agree on what the streams mean.
const STREAM_PROTOCOL: HeaderName = HeaderName::from_static("x-stream-protocol-version");
/// The most of a refusal that is read.
const REFUSAL_BYTES: usize = 16 << 10;

/// Whether a client asks for SPDY/3.1.
pub(crate) fn is_spdy(headers: &HeaderMap) -> bool {
    let upgrade = headers.get(UPGRADE).and_then(|value| value.to_str().ok());
    upgrade.is_some_and(|value| value.eq_ignore_ascii_case("SPDY/3.1"))
}

/// A client's stream and the runtime's, to be joined once the answer has been sent.
#[derive(Debug)]
pub(crate) struct Relay {
    client: OnUpgrade,
    runtime: Upgraded,
}

impl Relay {
    /// Copies bytes both ways until one side ends.
    pub(crate) async fn run(self) -> Result<(), StreamError> {
        let client = self.client.await.map_err(StreamError::Upgrade)?;
        let (mut client, mut runtime) = (TokioIo::new(client), TokioIo::new(self.runtime));
        // One side breaking off is how such a stream usually ends.
        let _ = tokio::io::copy_bidirectional(&mut client, &mut runtime).await;
        Ok(())
    }
}

/// Asks the runtime for what the client asks for: returns the answer to send and the streams to join after it.
pub(crate) async fn relay<B>(
    url: &str,
    request: &mut Request<B>,
) -> Result<(Response<()>, Relay), StreamError> {
    let client = request
        .extensions_mut()
        .remove::<OnUpgrade>()
        .ok_or(StreamError::Handshake(HandshakeError::NoUpgrade))?;
    let agreement = handshake(request.headers());
    let (headers, runtime) = ask(url, request.method().clone(), agreement).await?;
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    *response.headers_mut() = handshake(&headers);
    Ok((response, Relay { client, runtime }))
}

/// Opens a SPDY connection to the runtime.
pub(super) async fn open_spdy(url: &str, protocol: &'static str) -> Result<Upgraded, StreamError> {
    let headers = [
        (CONNECTION, "Upgrade"),
        (UPGRADE, "SPDY/3.1"),
        (STREAM_PROTOCOL, protocol),
    ];
    let headers = headers.map(|(name, value)| (name, HeaderValue::from_static(value)));
    let answer = ask(url, Method::POST, headers.into_iter().collect()).await?;
    Ok(answer.1)
}

/// Sends an upgrade and waits for its answer; any other than a switch of protocols is an error.
async fn ask(
    url: &str,
    method: Method,
    mut headers: HeaderMap,
) -> Result<(HeaderMap, Upgraded), StreamError> {
    let (host, path) = place(url)?;
    let tcp = TcpStream::connect(&host)
        .await
        .map_err(StreamError::Connect)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(tcp))
        .await
        .map_err(StreamError::Runtime)?;
    headers.insert(HOST, HeaderValue::from_str(&host).map_err(|_| no_url(url))?);
    let mut request = Request::new(Empty::<Bytes>::new());
    *request.method_mut() = method;
    *request.uri_mut() = path;
    *request.headers_mut() = headers;
    let asking = async move {
        let answer = sender.send_request(request).await;
        let mut answer = answer.map_err(StreamError::Runtime)?;
        if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(refused(answer).await);
        }
        let upgraded = hyper::upgrade::on(&mut answer).await;
        let upgraded = upgraded.map_err(StreamError::Runtime)?;
        Ok((answer.headers().clone(), upgraded))
    };
    // What breaks the connection also ends the asking, with a better reason.
    let (asked, _) = tokio::join!(asking, connection.with_upgrades());
    asked
}

/// The address and the path in a URL of the runtime's.
pub(super) fn place(url: &str) -> Result<(String, Uri), StreamError> {
    let uri: Uri = url.parse().map_err(|_| no_url(url))?;
    let (Some(authority), Some(path)) = (uri.authority(), uri.path_and_query()) else {
        return Err(no_url(url));
    };
    Ok((authority.to_string(), Uri::from(path.clone())))
}

fn no_url(url: &str) -> StreamError {
    StreamError::Url(url.to_owned())
}

async fn refused(answer: Response<Incoming>) -> StreamError {
    let status = answer.status();
    let body = Limited::new(answer.into_body(), REFUSAL_BYTES).collect();
    let text = body.await.map(|body| body.to_bytes()).unwrap_or_default();
    let words = String::from_utf8_lossy(&text).trim().to_owned();
    StreamError::Refused { status, words }
}

/// The headers by which two sides agree on another protocol.
fn handshake(headers: &HeaderMap) -> HeaderMap {
    let agreed = headers.iter().filter(|(name, _)| {
        [CONNECTION, UPGRADE, STREAM_PROTOCOL].contains(name)
            || name.as_str().starts_with("sec-websocket-")
    });
    let mut chosen = HeaderMap::new();
    for (name, value) in agreed {
        chosen.append(name.clone(), value.clone());
    }
    chosen
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// A runtime that gives this answer, then sends back what it gets.
    async fn runtime(answer: &'static str) -> (String, impl Future<Output = String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/attach/token?x=1", listener.local_addr().unwrap());
        let serving = async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            stream.write_all(answer.as_bytes()).await.unwrap();
            let (mut reader, mut writer) = stream.split();
            tokio::io::copy(&mut reader, &mut writer).await.unwrap();
            String::from_utf8(head).unwrap()
        };
        (url, serving)
    }

    #[tokio::test]
    async fn the_runtime_is_asked_for_spdy_and_then_gets_the_bytes() {
        let answer =
            "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: SPDY/3.1\r\n\r\n";
        let (url, serving) = runtime(answer).await;
        let using = async {
            let upgraded = open_spdy(&url, "portforward.k8s.io").await.unwrap();
            let mut stream = TokioIo::new(upgraded);
            stream.write_all(b"frames").await.unwrap();
            let mut echo = [0; 6];
            stream.read_exact(&mut echo).await.unwrap();
            assert_eq!(&echo, b"frames");
        };
        let ((), head) = tokio::join!(using, serving);
        let head = head.to_lowercase();
        assert!(
            head.starts_with("post /attach/token?x=1 http/1.1\r\n"),
            "{head}"
        );
        assert!(head.contains("x-stream-protocol-version: portforward.k8s.io"));
    }

    #[tokio::test]
    async fn a_refusal_is_told_in_the_runtimes_words() {
        let answer = "HTTP/1.1 404 Not Found\r\ncontent-length: 4\r\nconnection: close\r\n\r\ngone";
        let (url, serving) = runtime(answer).await;
        let asking = open_spdy(&url, "portforward.k8s.io");
        let (refused, _) = tokio::join!(asking, serving);
        assert_eq!(refused.unwrap_err().to_string(), "404 Not Found: gone");
    }

    #[test]
    fn only_spdy_is_spdy() {
        for (upgrade, expected) in [("SPDY/3.1", true), ("spdy/3.1", true), ("websocket", false)] {
            let headers = [(UPGRADE, HeaderValue::from_static(upgrade))];
            assert_eq!(is_spdy(&headers.into_iter().collect()), expected);
        }
    }
}
