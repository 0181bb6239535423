//! Probes against real listeners.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use k8s_openapi::api::core::v1::{Container, HTTPGetAction, HTTPHeader};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::{Outcome, grpc, http, resolve_port, tcp};

const SECOND: Duration = Duration::from_secs(1);

/// Answers each connection by what `answer` makes of the request's head, or keeps it waiting for ever.
async fn server(answer: fn(&str) -> Option<String>) -> (SocketAddr, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                match stream.read_u8().await {
                    Ok(byte) => head.push(byte),
                    Err(_) => break,
                }
            }
            match answer(&String::from_utf8_lossy(&head)) {
                Some(answer) => {
                    let _ = stream.write_all(answer.as_bytes()).await;
                }
                None => std::future::pending().await,
            }
        }
    });
    (address, tasks)
}

fn action(path: &str) -> HTTPGetAction {
    HTTPGetAction {
        path: Some(path.to_owned()),
        ..HTTPGetAction::default()
    }
}

fn answer(head: &str) -> Option<String> {
    let status = match head.split(' ').nth(1)? {
        "/ok" => "200 OK",
        "/here" => "302 Found\r\nlocation: /broken",
        "/elsewhere" => "302 Found\r\nlocation: http://192.0.2.1/x",
        "/header" if head.to_lowercase().contains("x-probe: yes") => "200 OK",
        "/slow" => return None,
        _ => "500 Internal Server Error",
    };
    Some(format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n"))
}

#[tokio::test]
async fn http_codes_below_400_pass_and_redirects_stay_on_the_host() {
    let (address, _server) = server(answer).await;
    let failed = |code| Outcome::Failed(format!("HTTP probe failed with statuscode: {code}"));
    let cases = [
        ("/ok", Outcome::Passed),
        ("/elsewhere", Outcome::Passed),
        ("/here", failed(500)),
        ("/broken", failed(500)),
        ("/header", failed(500)),
    ];
    for (path, expected) in cases {
        let outcome = http::probe("127.0.0.1", address.port(), &action(path), SECOND).await;
        assert_eq!(outcome, expected, "{path}");
    }
    let with_header = HTTPGetAction {
        http_headers: Some(vec![HTTPHeader {
            name: "X-Probe".to_owned(),
            value: "yes".to_owned(),
        }]),
        ..action("/header")
    };
    let outcome = http::probe("127.0.0.1", address.port(), &with_header, SECOND).await;
    assert_eq!(outcome, Outcome::Passed);
}

#[tokio::test]
async fn a_slow_answer_fails_with_the_words_of_kubernetes() {
    let (address, _server) = server(answer).await;
    let limit = Duration::from_millis(50);
    let outcome = http::probe("127.0.0.1", address.port(), &action("/slow"), limit).await;
    let expected = format!(
        "Get \"http://{address}/slow\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
    );
    assert_eq!(outcome, Outcome::Failed(expected));
}

#[tokio::test]
async fn a_closed_port_is_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    assert_eq!(
        tcp::probe("127.0.0.1", address.port(), SECOND).await,
        Outcome::Passed
    );
    drop(listener);
    let refused = format!("dial tcp {address}: connect: connection refused");
    let outcome = tcp::probe("127.0.0.1", address.port(), SECOND).await;
    assert_eq!(outcome, Outcome::Failed(refused.clone()));
    let outcome = http::probe("127.0.0.1", address.port(), &action("/"), SECOND).await;
    assert_eq!(
        outcome,
        Outcome::Failed(format!("Get \"http://{address}/\": {refused}"))
    );
}

#[test]
fn ports_are_found_by_name_and_number() {
    let container: Container = serde_json::from_value(serde_json::json!({
        "name": "a", "ports": [{"name": "web", "containerPort": 8080}]
    }))
    .expect("a container");
    let cases = [
        (IntOrString::Int(80), Some(80)),
        (IntOrString::String("web".to_owned()), Some(8080)),
        (IntOrString::String("9090".to_owned()), Some(9090)),
        (IntOrString::String("none".to_owned()), None),
        (IntOrString::Int(70_000), None),
    ];
    for (port, expected) in cases {
        assert_eq!(resolve_port(&container, &port), expected, "{port:?}");
    }
}

/// A gRPC server that answers every call with this message.
async fn grpc_server(message: &'static [u8]) -> (SocketAddr, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = service_fn(move |request: Request<Incoming>| async move {
                assert_eq!(request.uri().path(), "/grpc.health.v1.Health/Check");
                let frame = [&[0, 0, 0, 0, message.len() as u8][..], message].concat();
                let body = Full::new(Bytes::from(frame));
                let answer = Response::builder().header("content-type", "application/grpc");
                answer.header("grpc-status", "0").body(body)
            });
            let connection = http2::Builder::new(TokioExecutor::new());
            let _ = connection
                .serve_connection(TokioIo::new(stream), service)
                .await;
        }
    });
    (address, tasks)
}

#[tokio::test]
async fn grpc_passes_when_the_service_serves() {
    let (serving, _server) = grpc_server(&[0x08, 1]).await;
    let outcome = grpc::probe("127.0.0.1", serving.port(), "web".to_owned(), SECOND).await;
    assert_eq!(outcome, Outcome::Passed);
    let (sick, _server) = grpc_server(&[0x08, 2]).await;
    let outcome = grpc::probe("127.0.0.1", sick.port(), String::new(), SECOND).await;
    let words = "service unhealthy (responded with \"NOT_SERVING\")";
    assert_eq!(outcome, Outcome::Failed(words.to_owned()));
}
