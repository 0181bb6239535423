//! The gRPC health check, one unary call over HTTP/2 (<https://github.com/grpc/grpc/blob/master/doc/health-checking.md>).

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::Request;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::Outcome;

const MAX_ANSWER_BYTES: usize = 4096;
/// A gRPC message has one byte of flags and four of length before it.
const PREFIX_BYTES: usize = 5;
/// HealthCheckResponse.ServingStatus.
const SERVING: i32 = 1;

#[derive(Clone, PartialEq, Message)]
struct HealthCheckRequest {
    #[prost(string, tag = "1")]
    service: String,
}

#[derive(Clone, PartialEq, Message)]
struct HealthCheckResponse {
    #[prost(int32, tag = "1")]
    status: i32,
}

/// `SERVING` passes.
pub(super) async fn probe(host: &str, port: u16, service: String, limit: Duration) -> Outcome {
    let address = format!("{host}:{port}");
    match timeout(limit, check(host, port, service)).await {
        Ok(Ok(SERVING)) => Outcome::Passed,
        Ok(Ok(status)) => Outcome::Failed(format!(
            "service unhealthy (responded with {:?})",
            status_name(status)
        )),
        Ok(Err(error)) => Outcome::Failed(format!("error: health rpc failed: {error}")),
        Err(_) => Outcome::Failed(format!(
            "timeout: failed to connect service {address:?} within {}s: context deadline exceeded",
            limit.as_secs()
        )),
    }
}

fn status_name(status: i32) -> &'static str {
    match status {
        2 => "NOT_SERVING",
        3 => "SERVICE_UNKNOWN",
        _ => "UNKNOWN",
    }
}

async fn check(host: &str, port: u16, service: String) -> Result<i32, String> {
    let stream = TcpStream::connect((host, port))
        .await
        .map_err(|error| error.to_string())?;
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .map_err(|error| error.to_string())?;
    let request = request(host, port, service)?;
    let exchange = async move {
        let answer = sender
            .send_request(request)
            .await
            .map_err(|error| error.to_string())?;
        let header_status = grpc_status(answer.headers());
        let body = Limited::new(answer.into_body(), MAX_ANSWER_BYTES)
            .collect()
            .await;
        let body = body.map_err(|error| error.to_string())?;
        let status = header_status.or(body.trailers().and_then(grpc_status));
        if let Some(error) = status.filter(|status| status != "0") {
            return Err(format!("code = {error}"));
        }
        let message = body.to_bytes();
        let message = message.get(PREFIX_BYTES..).unwrap_or_default();
        let answer = HealthCheckResponse::decode(message).map_err(|error| error.to_string())?;
        Ok(answer.status)
    };
    futures::future::join(connection, exchange).await.1
}

fn request(host: &str, port: u16, service: String) -> Result<Request<Full<Bytes>>, String> {
    let message = HealthCheckRequest { service }.encode_to_vec();
    let length = u32::try_from(message.len()).map_err(|error| error.to_string())?;
    let body = [&[0][..], &length.to_be_bytes(), &message].concat();
    let host = if host.contains(':') {
        format!("[{host}]")
    } else {
        host.to_owned()
    };
    Request::post(format!("http://{host}:{port}/grpc.health.v1.Health/Check"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("user-agent", "kube-probe/1.36")
        .body(Full::new(Bytes::from(body)))
        .map_err(|error| error.to_string())
}

fn grpc_status(headers: &hyper::HeaderMap) -> Option<String> {
    headers.get("grpc-status")?.to_str().ok().map(str::to_owned)
}
