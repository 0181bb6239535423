//! One connection to an API server.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::super::options::Protocol;
use super::{ApiServer, Events};

/// The windows of Go's HTTP/2 client, which client-go uses (`transportDefaultStreamFlow` and `…ConnFlow`).
const STREAM_WINDOW_BYTES: u32 = 4 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 1 << 30;

/// Bounds the opening of a connection or a watch: a server may have no socket left for it.
const OPENED_WITHIN: Duration = Duration::from_secs(20);

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const AGENT: HeaderValue = HeaderValue::from_static("skiff-bench");

/// A connection; one request at a time.
#[derive(Debug)]
pub(in crate::bench) struct Connection {
    sender: Sender,
    /// What stands before the path in a request's target.
    base: String,
    host: HeaderValue,
    /// Moves the bytes; ends with the last one who uses the connection.
    driver: Arc<JoinSet<()>>,
}

/// A body with its media type.
struct Content {
    kind: HeaderValue,
    bytes: Bytes,
}

impl Content {
    fn json(bytes: Bytes) -> Self {
        Self { kind: JSON, bytes }
    }

    fn none() -> Self {
        Self::json(Bytes::new())
    }
}

#[derive(Debug)]
enum Sender {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

impl Connection {
    pub(super) async fn open(server: &ApiServer) -> Result<Self> {
        let connecting = || format!("connect to {}", server.authority);
        let stream = timeout(OPENED_WITHIN, tls(server)).await;
        let stream = stream.with_context(connecting)?.with_context(connecting)?;
        let mut driver = JoinSet::new();
        let (sender, base) = match server.protocol {
            Protocol::Http1 => (http1(stream, &mut driver).await?, String::new()),
            Protocol::Http2 => {
                let base = format!("https://{}", server.authority);
                (http2(stream, &mut driver).await?, base)
            }
        };
        Ok(Self {
            sender,
            base,
            host: HeaderValue::from_str(&server.authority)?,
            driver: Arc::new(driver),
        })
    }

    /// The same connection once more, for a request beside others. HTTP/1.1 has no such thing.
    pub(in crate::bench) fn shared(&self) -> Result<Self> {
        let Sender::Http2(sender) = &self.sender else {
            bail!("requests share a connection by HTTP/2 alone");
        };
        Ok(Self {
            sender: Sender::Http2(sender.clone()),
            base: self.base.clone(),
            host: self.host.clone(),
            driver: Arc::clone(&self.driver),
        })
    }

    /// Reads what is at `path`, to the last byte.
    pub(in crate::bench) async fn get(&mut self, path: &str) -> Result<Bytes> {
        self.call(Method::GET, path, Content::none()).await
    }

    /// Creates an object in the collection at `path`.
    pub(in crate::bench) async fn create(&mut self, path: &str, object: Bytes) -> Result<Bytes> {
        self.call(Method::POST, path, Content::json(object)).await
    }

    /// Replaces the object at `path`, whatever it was.
    pub(in crate::bench) async fn replace(&mut self, path: &str, object: Bytes) -> Result<Bytes> {
        self.call(Method::PUT, path, Content::json(object)).await
    }

    /// Patches the object at `path` in the way that the media type says.
    pub(in crate::bench) async fn patch(
        &mut self,
        path: &str,
        media_type: &'static str,
        patch: Bytes,
    ) -> Result<Bytes> {
        let content = Content {
            kind: HeaderValue::from_static(media_type),
            bytes: patch,
        };
        self.call(Method::PATCH, path, content).await
    }

    /// Deletes the object at `path`; one that is gone already is fine.
    pub(in crate::bench) async fn delete(&mut self, path: &str) -> Result<()> {
        let response = self.send(Method::DELETE, path, Content::none()).await?;
        if response.status() != StatusCode::NOT_FOUND {
            accepted(path, response)
                .await?
                .into_body()
                .collect()
                .await?;
        }
        Ok(())
    }

    /// Starts a watch: `path` says `watch=true`.
    pub(in crate::bench) async fn watch(mut self, path: &str) -> Result<Events> {
        let response = timeout(OPENED_WITHIN, self.send(Method::GET, path, Content::none())).await;
        let response = response.with_context(|| format!("open the watch {path}"))??;
        let body = accepted(path, response).await?.into_body();
        Ok(Events::new(body, self))
    }

    async fn call(&mut self, method: Method, path: &str, content: Content) -> Result<Bytes> {
        let response = self.send(method, path, content).await?;
        let answer = accepted(path, response).await?.into_body().collect().await;
        Ok(answer
            .with_context(|| format!("the answer of {path}"))?
            .to_bytes())
    }

    async fn send(
        &mut self,
        method: Method,
        path: &str,
        content: Content,
    ) -> Result<Response<Incoming>> {
        let request = self.request(method, path, content)?;
        let response = match &mut self.sender {
            Sender::Http1(sender) => {
                sender.ready().await?;
                sender.send_request(request).await
            }
            Sender::Http2(sender) => {
                sender.ready().await?;
                sender.send_request(request).await
            }
        };
        response.with_context(|| format!("send a request of {path}"))
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        content: Content,
    ) -> Result<Request<Full<Bytes>>> {
        let mut request = Request::new(Full::new(content.bytes));
        *request.method_mut() = method;
        *request.uri_mut() = format!("{}{path}", self.base).try_into()?;
        let headers = request.headers_mut();
        if matches!(self.sender, Sender::Http1(_)) {
            headers.insert(HOST, self.host.clone());
        }
        headers.insert(USER_AGENT, AGENT);
        headers.insert(ACCEPT, JSON);
        headers.insert(CONTENT_TYPE, content.kind);
        Ok(request)
    }
}

async fn tls(server: &ApiServer) -> Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(&*server.authority).await?;
    stream.set_nodelay(true)?;
    let connector = TlsConnector::from(server.tls.clone());
    Ok(connector.connect(server.name.clone(), stream).await?)
}

async fn http1(stream: TlsStream<TcpStream>, driver: &mut JoinSet<()>) -> Result<Sender> {
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Why a connection ended is told to who sends on it.
    driver.spawn(async { drop(connection.await) });
    Ok(Sender::Http1(sender))
}

async fn http2(stream: TlsStream<TcpStream>, driver: &mut JoinSet<()>) -> Result<Sender> {
    let (sender, connection) = http2::Builder::new(TokioExecutor::new())
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .handshake(TokioIo::new(stream))
        .await?;
    driver.spawn(async { drop(connection.await) });
    Ok(Sender::Http2(sender))
}

/// The response, unless the server refused.
async fn accepted(path: &str, response: Response<Incoming>) -> Result<Response<Incoming>> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let said = response.into_body().collect().await?.to_bytes();
    bail!(
        "{path}: {status}: {}",
        String::from_utf8_lossy(&said).trim_end()
    )
}
