//! Logs, exec, attach and port-forward: the kubelet of the Pod's node answers, this server passes on.

mod frames;
mod question;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use skiff_api::{Reason, Status, metadata};
use tokio::io::copy_bidirectional;

use super::Call;
use crate::address::Address;
use crate::encode;
use crate::kubelet::{Kubelets, address_of};
use crate::limits::Place;
use crate::metrics::Counted;
use crate::request::not_allowed;
use frames::ByFrame;
use question::{container_of, log_query, ports_query, stream_query};

/// The most of a kubelet's error that is read.
const ERROR_BYTES: usize = 64 << 10;

/// Passes a request about a Pod's container on to its kubelet.
pub(super) async fn handle(call: Call, body: Body) -> Result<Response, Status> {
    let (namespace, name) = (&call.target.namespace, &call.target.name);
    let pod = call.storage.get_object(namespace, name).await?;
    let query = &call.info.query;
    let container = || container_of(&pod, query.get("container"));
    let path = match (call.target.subresource.as_str(), call.info.verb) {
        ("log", "get") => {
            let (container, logs) = (container()?, log_query(query));
            format!("/containerLogs/{namespace}/{name}/{container}?{logs}")
        }
        (stream @ ("exec" | "attach"), "get" | "create") => {
            let (container, streams) = (container()?, stream_query(query));
            format!("/{stream}/{namespace}/{name}/{container}?{streams}")
        }
        ("portforward", "get" | "create") => {
            let ports = ports_query(query);
            format!("/portForward/{namespace}/{name}?{ports}")
        }
        _ => return Err(not_allowed()),
    };
    let is_log = call.target.subresource == "log";
    if is_log && !is_bound(&pod) {
        // What has not started has no log yet.
        return Ok(encode::bytes(StatusCode::OK, "text/plain", Bytes::new()));
    }
    let address = kubelet_of(&call, &pod).await?;
    if !is_log {
        call.consult_stream().await?;
    }
    if is_log {
        log(call, &address, &path).await
    } else {
        upgrade(call, body, &address, &path).await
    }
}

fn is_bound(pod: &Value) -> bool {
    pod["spec"]["nodeName"]
        .as_str()
        .is_some_and(|node| !node.is_empty())
}

async fn kubelet_of(call: &Call, pod: &Value) -> Result<Address, Status> {
    if !is_bound(pod) {
        let name = metadata::name(pod);
        let message = format!("pod {name} does not have a host assigned");
        return Err(Status::bad_request(message));
    }
    let node = pod["spec"]["nodeName"].as_str().unwrap_or_default();
    let nodes = call.api.objects.core("nodes")?;
    let object = nodes.get_object("", node).await?;
    address_of(&object)
        .ok_or_else(|| Status::internal(format!("no preferred addresses found for node {node:?}")))
}

fn request(method: Method, path: &str, host: &Address) -> Result<http::request::Builder, Status> {
    let host = format!("{}:{}", host.host, host.port);
    Ok(Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, host))
}

async fn send(
    kubelets: &Kubelets,
    address: &Address,
    request: Request<Body>,
) -> Result<http::Response<Incoming>, Status> {
    kubelets.send(address, request).await.map_err(|error| {
        let source = std::error::Error::source(&error).map(ToString::to_string);
        let source = source.unwrap_or_default();
        Status::internal(format!(
            "error sending request to the kubelet: {error}: {source}"
        ))
    })
}

fn unsound(error: &http::Error) -> Status {
    Status::bad_request(format!("the request cannot be passed on: {error}"))
}

async fn log(call: Call, address: &Address, path: &str) -> Result<Response, Status> {
    let request = request(Method::GET, path, address)?
        .body(Body::empty())
        .map_err(|error| unsound(&error))?;
    let answer = send(&call.api.kubelets, address, request).await?;
    if !answer.status().is_success() {
        return Err(refusal(answer).await);
    }
    let (parts, body) = answer.into_parts();
    let mut response = Response::new(held(body, guard(&call)));
    let content_type = parts.headers.get(header::CONTENT_TYPE).cloned();
    let plain = || http::HeaderValue::from_static("text/plain");
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, content_type.unwrap_or_else(plain));
    Ok(response)
}

/// A body that keeps its request's place among the open ones.
pub(super) fn held(body: Incoming, guard: (Option<Place>, Counted)) -> Body {
    Body::new(body.map_frame(move |frame| {
        let _held = &guard;
        frame
    }))
}

/// The place of a request that stays open.
pub(super) fn guard(call: &Call) -> (Option<Place>, Counted) {
    let place = call.parts.extensions.get::<Place>().cloned();
    (place, call.api.metrics.long_running())
}

/// What a kubelet says against a request, as a `Status` of the same code.
async fn refusal(answer: http::Response<Incoming>) -> Status {
    let (code, text) = said(answer).await;
    match code {
        StatusCode::BAD_REQUEST => Status::bad_request(text),
        StatusCode::NOT_FOUND => Status::new(Reason::NotFound, text),
        StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED => Status::new(Reason::Forbidden, text),
        _ => Status::new(Reason::InternalError, text),
    }
}

/// The code and the words of a kubelet's answer.
async fn said(answer: http::Response<Incoming>) -> (StatusCode, String) {
    let code = answer.status();
    let body = Limited::new(answer.into_body(), ERROR_BYTES)
        .collect()
        .await;
    let text = body.map(|body| body.to_bytes()).unwrap_or_default();
    (code, String::from_utf8_lossy(&text).trim().to_owned())
}

/// Hands the client's upgrade to the kubelet, and when both sides have switched protocols, copies bytes both ways.
async fn upgrade(
    mut call: Call,
    body: Body,
    address: &Address,
    path: &str,
) -> Result<Response, Status> {
    let asked = call.parts.headers.contains_key(header::UPGRADE);
    let client = call.parts.extensions.remove::<hyper::upgrade::OnUpgrade>();
    let Some(client) = client.filter(|_| asked) else {
        return Err(Status::bad_request("Upgrade request required"));
    };
    drop(body);
    let mut builder = request(call.parts.method.clone(), path, address)?;
    for (name, value) in handshake(&call.parts.headers) {
        builder = builder.header(name, value);
    }
    let request = builder
        .body(Body::empty())
        .map_err(|error| unsound(&error))?;
    let mut answer = send(&call.api.kubelets, address, request).await?;
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        // As it came: kubectl puts "unable to upgrade connection" before it.
        return Ok(said(answer).await.into_response());
    }
    let kubelet = hyper::upgrade::on(&mut answer);
    let by_frame = answer.headers().contains_key(header::SEC_WEBSOCKET_ACCEPT);
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    for (name, value) in handshake(answer.headers()) {
        response.headers_mut().append(name, value.clone());
    }
    let guard = guard(&call);
    call.api.kubelets.spawn(async move {
        let _held = guard;
        match tokio::try_join!(client, kubelet) {
            Ok((client, kubelet)) => {
                let (mut client, mut kubelet) = (TokioIo::new(client), TokioIo::new(kubelet));
                // One side breaking off is how such a stream usually ends.
                let _ = if by_frame {
                    copy_bidirectional(&mut ByFrame::new(client), &mut kubelet).await
                } else {
                    copy_bidirectional(&mut client, &mut kubelet).await
                };
            }
            Err(error) => tracing::debug!(%error, "a stream was not upgraded"),
        }
    });
    Ok(response)
}

/// The headers by which two sides agree on another protocol.
fn handshake(headers: &HeaderMap) -> impl Iterator<Item = (&http::HeaderName, &http::HeaderValue)> {
    headers.iter().filter(|(name, _)| {
        let name = name.as_str();
        matches!(name, "connection" | "upgrade" | "x-stream-protocol-version")
            || name.starts_with("sec-websocket-")
    })
}
