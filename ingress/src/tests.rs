//! Requests all the way through, to endpoints of the test.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use k8s_openapi::api::networking::v1::Ingress;
use serde_json::{from_value, json};
use skiff_client::ObjectKey;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::forward::Site;
use crate::headers::Peer;
use crate::listen::requests;
use crate::plan::{Seen, table};

/// A site where `web.test` leads to a Service with these endpoints.
fn site(endpoints: &[SocketAddr]) -> Arc<Site> {
    let site = Arc::new(Site::new());
    reload(&site, endpoints);
    site
}

fn reload(site: &Site, endpoints: &[SocketAddr]) {
    let ingress = json!({"metadata": {"namespace": "default", "name": "web"}, "spec": {"rules": [{
        "host": "web.test",
        "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "web", "port": {"number": 80}}}}]},
    }]}});
    let slice = |endpoint: &SocketAddr| {
        let slice = json!({
            "metadata": {}, "addressType": "IPv4", "ports": [{"port": endpoint.port()}],
            "endpoints": [{"addresses": [endpoint.ip().to_string()]}],
        });
        Arc::new(from_value(slice).unwrap())
    };
    let service = Arc::new(from_value(json!({"spec": {"ports": [{"port": 80}]}})).unwrap());
    let slices = endpoints.iter().map(slice).collect();
    site.reload(table(&Seen {
        ingresses: vec![Arc::new(from_value::<Ingress>(ingress).unwrap())],
        services: HashMap::from([(ObjectKey::new("default", "web"), (service, slices))]),
        certificates: HashMap::new(),
    }));
}

/// A client's connection to the site.
fn connect(site: &Arc<Site>, shut: &CancellationToken) -> DuplexStream {
    let (client, server) = duplex(64 * 1024);
    let peer = Peer {
        address: "192.0.2.1:4000".parse().unwrap(),
        port: 80,
        tls: false,
    };
    let serving = requests(server, peer, site.clone(), shut.clone());
    site.tasks.spawn(serving);
    client
}

/// Sends bytes and reads until the answer ends with `end`.
async fn ask(client: &mut DuplexStream, request: &str, end: &str) -> String {
    client.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(end.as_bytes()) {
        if client.read_buf(&mut answer).await.unwrap() == 0 {
            break;
        }
    }
    String::from_utf8(answer).unwrap()
}

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// The head of the next request of a connection; `None` if it ends.
async fn head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        if stream.read_buf(&mut head).await.ok()? == 0 {
            return None;
        }
    }
    Some(String::from_utf8(head).unwrap())
}

const GET: &str = "GET /a?b HTTP/1.1\r\nHost: web.test\r\nX-Forwarded-For: 127.0.0.1\r\n\r\n";

#[tokio::test]
async fn a_connection_to_an_endpoint_is_used_again() {
    let (listener, address) = listener().await;
    let endpoint = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut heads = Vec::new();
        while let Some(head) = head(&mut stream).await {
            heads.push(head);
            let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
        heads
    });
    let (site, shut) = (site(&[address]), CancellationToken::new());
    let mut client = connect(&site, &shut);
    for _ in 0..3 {
        let answer = ask(&mut client, GET, "ok").await;
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
        // The connection comes back to the pool a moment after its answer.
        tokio::task::yield_now().await;
    }
    reload(&site, &[]);
    let heads = endpoint.await.unwrap();
    assert_eq!(heads.len(), 3);
    for part in [
        "GET /a?b HTTP/1.1",
        "host: web.test",
        "x-forwarded-for: 192.0.2.1",
        "x-forwarded-proto: http",
    ] {
        assert!(heads[0].contains(part), "no {part} in {}", heads[0]);
    }
}

#[tokio::test]
async fn another_endpoint_answers_for_one_that_is_gone() {
    let (gone, dead) = listener().await;
    drop(gone);
    let (breaking, broken) = listener().await;
    let (healthy, address) = listener().await;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = breaking.accept().await {
            head(&mut stream).await;
        }
    });
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = healthy.accept().await {
            head(&mut stream).await;
            let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    let (site, shut) = (site(&[dead, broken, address]), CancellationToken::new());
    for _ in 0..6 {
        let mut client = connect(&site, &shut);
        let answer = ask(&mut client, GET, "ok").await;
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    }
    // It may have been carried out: nobody else is asked.
    let post = "POST / HTTP/1.1\r\nHost: web.test\r\nContent-Length: 1\r\n\r\nx";
    reload(&site, &[broken]);
    let answer = ask(&mut connect(&site, &shut), post, "answer\n").await;
    assert!(answer.starts_with("HTTP/1.1 502 Bad Gateway"), "{answer}");
}

#[tokio::test]
async fn pages_say_what_is_missing() {
    let (site, shut) = (site(&[]), CancellationToken::new());
    for (request, status) in [
        (GET, "503 Service Unavailable"),
        (
            "GET / HTTP/1.1\r\nHost: other.test\r\n\r\n",
            "404 Not Found",
        ),
        ("GET / HTTP/1.0\r\n\r\n", "400 Bad Request"),
    ] {
        let answer = ask(&mut connect(&site, &shut), request, "\n").await;
        assert!(answer.contains(status), "{answer}");
    }
}

#[tokio::test]
async fn an_upgraded_connection_carries_bytes_both_ways() {
    let (listener, address) = listener().await;
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let head = head(&mut stream).await.unwrap();
        assert!(head.contains("upgrade: websocket"), "{head}");
        let answer =
            "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
        stream.write_all(answer.as_bytes()).await.unwrap();
        let (mut from, mut to) = stream.split();
        tokio::io::copy(&mut from, &mut to).await.unwrap();
    });
    let (site, shut) = (site(&[address]), CancellationToken::new());
    let mut client = connect(&site, &shut);
    let asked =
        "GET / HTTP/1.1\r\nHost: web.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    let answer = ask(&mut client, asked, "\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 101"), "{answer}");
    assert_eq!(ask(&mut client, "hello", "hello").await, "hello");
    // A new table, or closed ports, leave it alone.
    reload(&site, &[]);
    shut.cancel();
    assert_eq!(ask(&mut client, "still", "still").await, "still");
}

#[tokio::test]
async fn a_request_under_way_is_answered_when_the_ports_close() {
    let (listener, address) = listener().await;
    let (site, shut) = (site(&[address]), CancellationToken::new());
    let mut client = connect(&site, &shut);
    client.write_all(GET.as_bytes()).await.unwrap();
    let (mut stream, _) = listener.accept().await.unwrap();
    head(&mut stream).await.unwrap();
    shut.cancel();
    reload(&site, &[]);
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate";
    stream.write_all(answer.as_bytes()).await.unwrap();
    let answer = ask(&mut client, "", "late").await;
    assert!(
        answer.contains("200 OK") && answer.ends_with("late"),
        "{answer}"
    );
}
