use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, CONNECTION, HOST, HeaderName, HeaderValue, LOCATION, USER_AGENT};
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::{HTTPGetAction, HTTPHeader};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::tcp::dial_error;
use super::{Outcome, insecure};

/// What is read of an answer's body.
const MAX_BODY_BYTES: usize = 10 * 1024;
/// How many redirects on the same host are followed.
const MAX_REDIRECTS: usize = 10;

/// 200 to 399 passes; a redirect to another host passes without being followed.
pub(super) async fn probe(
    host: &str,
    port: u16,
    action: &HTTPGetAction,
    limit: Duration,
) -> Outcome {
    match get(host, port, action, limit).await {
        Ok((200..=399, _)) => Outcome::Passed,
        Ok((code, _)) => Outcome::Failed(format!("HTTP probe failed with statuscode: {code}")),
        Err(error) => Outcome::Failed(error),
    }
}

/// Sends the request and gives the code and the beginning of the body, or why there is none.
pub(crate) async fn get(
    host: &str,
    port: u16,
    action: &HTTPGetAction,
    limit: Duration,
) -> Result<(u16, Bytes), String> {
    let scheme = action.scheme.as_deref().unwrap_or("HTTP").to_lowercase();
    let authority = if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    };
    let path = action.path.as_deref().unwrap_or("/");
    let path = if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("/{path}")
    };
    let url = format!("{scheme}://{authority}{path}");
    let headers = action.http_headers.as_deref().unwrap_or_default();
    let followed = follow(host, port, scheme == "https", &authority, path, headers);
    match timeout(limit, followed).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(format!("Get {url:?}: {error}")),
        Err(_) => Err(format!(
            "Get {url:?}: context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
        )),
    }
}

/// What came back: enough to judge it and to follow it.
struct Answer {
    code: u16,
    location: Option<String>,
    body: Bytes,
}

async fn follow(
    host: &str,
    port: u16,
    is_tls: bool,
    authority: &str,
    mut path: String,
    headers: &[HTTPHeader],
) -> Result<(u16, Bytes), String> {
    for _ in 0..=MAX_REDIRECTS {
        let answer = request(host, port, is_tls, authority, &path, headers).await?;
        match redirect(&answer, authority) {
            Some(next) => path = next,
            None => return Ok((answer.code, answer.body)),
        }
    }
    Err("stopped after 10 redirects".to_owned())
}

/// Where a redirect on the same host leads.
fn redirect(answer: &Answer, authority: &str) -> Option<String> {
    if !matches!(answer.code, 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location: Uri = answer.location.as_ref()?.parse().ok()?;
    let is_here = location
        .authority()
        .is_none_or(|other| other.as_str() == authority);
    let path = location.path_and_query()?.as_str();
    (is_here && path.starts_with('/')).then(|| path.to_owned())
}

async fn request(
    host: &str,
    port: u16,
    is_tls: bool,
    authority: &str,
    path: &str,
    headers: &[HTTPHeader],
) -> Result<Answer, String> {
    let request = build(authority, path, headers)?;
    let stream = TcpStream::connect((host, port))
        .await
        .map_err(|error| format!("dial tcp {authority}: {}", dial_error(&error)))?;
    if !is_tls {
        return send(stream, request).await;
    }
    let config = insecure::client_config().map_err(|error| error.to_string())?;
    let name = server_name(host)?;
    let stream = TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
        .map_err(|error| error.to_string())?;
    send(stream, request).await
}

fn server_name(host: &str) -> Result<ServerName<'static>, String> {
    ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())
}

fn build(
    authority: &str,
    path: &str,
    headers: &[HTTPHeader],
) -> Result<Request<Empty<Bytes>>, String> {
    let mut request = Request::get(path)
        .body(Empty::new())
        .map_err(|error| error.to_string())?;
    let own = request.headers_mut();
    let value = |text: &str| HeaderValue::from_str(text).map_err(|error| error.to_string());
    for header in headers {
        let name: HeaderName = header
            .name
            .parse()
            .map_err(|_| format!("invalid header {:?}", header.name))?;
        own.append(name, value(&header.value)?);
    }
    own.entry(HOST).or_insert(value(authority)?);
    own.entry(USER_AGENT)
        .or_insert(HeaderValue::from_static("kube-probe/1.36"));
    own.entry(ACCEPT).or_insert(HeaderValue::from_static("*/*"));
    own.insert(CONNECTION, HeaderValue::from_static("close"));
    Ok(request)
}

/// Sends the request and reads the answer; the connection lives no longer than that.
async fn send<S>(stream: S, request: Request<Empty<Bytes>>) -> Result<Answer, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| error.to_string())?;
    let exchange = async move {
        let answer = sender.send_request(request).await.map_err(words)?;
        let location = answer.headers().get(LOCATION);
        let location = location
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        let code = answer.status().as_u16();
        // A body that is too long or broken does not change what the code says.
        let body = Limited::new(answer.into_body(), MAX_BODY_BYTES)
            .collect()
            .await;
        let body = body.map(|body| body.to_bytes()).unwrap_or_default();
        Ok(Answer {
            code,
            location,
            body,
        })
    };
    futures::future::join(connection, exchange).await.1
}

fn words(error: hyper::Error) -> String {
    match error.is_incomplete_message() {
        true => "EOF".to_owned(),
        false => error.to_string(),
    }
}
