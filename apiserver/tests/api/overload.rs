//! More than the server can do, and its end: each client is told what to do, and none is harmed by another.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::stream::FuturesUnordered;
use futures::{AsyncBufReadExt as _, StreamExt as _, TryStreamExt as _};
use http::Request;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::http_client::Http;
use crate::support::{CONFIG_MAPS, Cluster, Listening, config_map, within};

/// As many writes the server has under way at most.
const WRITES: usize = 200;
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);
const MOST_OF_A_WAIT: Duration = Duration::from_secs(60);

/// Clients of HTTP/1.1 by hand.
pub(crate) struct Clients {
    tls: TlsConnector,
    port: u16,
}

impl Clients {
    pub(crate) fn of(cluster: &Cluster, listening: &Listening) -> Self {
        let identity = cluster.pki.client("ann", "system:masters");
        let mut roots = RootCertStore::empty();
        let authority = CertificateDer::from_pem_slice(cluster.pki.ca_pem.as_bytes());
        roots.add(authority.unwrap()).unwrap();
        let chain = CertificateDer::pem_slice_iter(identity.certificate_pem.as_bytes());
        let key = PrivateKeyDer::from_pem_slice(identity.key_pem.as_bytes()).unwrap();
        let config = ClientConfig::builder()
            .with_root_certificates(roots)
            .with_client_auth_cert(chain.map(Result::unwrap).collect(), key)
            .unwrap();
        Self {
            tls: TlsConnector::from(Arc::new(config)),
            port: listening.port,
        }
    }

    pub(crate) async fn connect(&self) -> TlsStream<TcpStream> {
        let tcp = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let name = ServerName::try_from("127.0.0.1").unwrap();
        self.tls.connect(name, tcp).await.unwrap()
    }

    /// Begins to create this object, and stops before the last byte.
    async fn begin(&self, query: &str, object: &Value) -> Unfinished {
        let mut stream = self.connect().await;
        let mut body = object.to_string();
        let last = body.pop().unwrap();
        let head = format!(
            "POST {CONFIG_MAPS}{query} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len() + 1
        );
        // Who is refused before he has sent it all has an answer all the same.
        let _ = stream.write_all(head.as_bytes()).await;
        Unfinished { stream, last }
    }
}

/// A request whose last byte has not been sent.
struct Unfinished {
    stream: TlsStream<TcpStream>,
    last: char,
}

impl Unfinished {
    async fn finish(mut self) -> String {
        let last = [self.last as u8];
        self.stream.write_all(&last).await.unwrap();
        self.answer().await
    }

    /// All that is answered, until the server closes the connection.
    async fn answer(mut self) -> String {
        let mut answer = Vec::new();
        // How TLS ends is of no interest.
        let _ = timeout(MOST_OF_A_WAIT, self.stream.read_to_end(&mut answer)).await;
        String::from_utf8(answer).unwrap()
    }
}

/// Waits until the server has so many writes under way.
async fn under_way(http: &Http, writes: usize) {
    let began = Instant::now();
    loop {
        let metrics = http.get("/metrics").await.ok();
        let seen = metrics.as_str().unwrap().lines().find_map(|line| {
            line.strip_prefix("apiserver_current_inflight_requests{request_kind=\"mutating\"} ")
        });
        if seen == Some(&*writes.to_string()) {
            return;
        }
        assert!(began.elapsed() < MOST_OF_A_WAIT, "{seen:?}, not {writes}");
        sleep(BETWEEN_LOOKS).await;
    }
}

#[tokio::test]
async fn who_comes_when_too_many_are_there_is_told_to_come_again() {
    let cluster = Cluster::start().await;
    let listening = cluster.listen().await;
    let clients = Clients::of(&cluster, &listening);
    let inside = Http(cluster.admin());
    let mut held = Vec::new();
    for _ in 0..WRITES {
        held.push(clients.begin("", &config_map("held")).await);
    }
    under_way(&inside, WRITES).await;
    let refused = clients.begin("", &config_map("a")).await.answer().await;
    assert!(refused.starts_with("HTTP/1.1 429 "), "{refused}");
    assert!(refused.contains("\r\nretry-after: 1\r\n"), "{refused}");
    assert!(refused.contains("\"reason\":\"TooManyRequests\""));
    assert!(refused.contains("\"Too many requests, please try again later.\""));
    // Reads, health, nodes and the components of the cluster do not suffer.
    let outside = Http(cluster.tls_client(&listening, "ann", "system:masters"));
    outside.get(CONFIG_MAPS).await.ok();
    outside.get("/readyz").await.ok();
    let node = Http(cluster.tls_client(&listening, "system:node:n1", "system:nodes"));
    let answer = node.post(CONFIG_MAPS, &config_map("b")).await;
    assert_eq!(answer.code, 403, "it is judged as ever: {}", answer.body);
    inside.post(CONFIG_MAPS, &config_map("c")).await.ok();
    drop(held);
    under_way(&inside, 0).await;
    outside.post(CONFIG_MAPS, &config_map("a")).await.ok();
    listening.stop().await;
}

#[tokio::test]
async fn large_bodies_that_come_slowly_are_not_let_in_without_end() {
    // Two more than there is room for.
    const UPLOADS: usize = 24;
    let cluster = Cluster::start().await;
    let listening = cluster.listen().await;
    let clients = Clients::of(&cluster, &listening);
    let mut large = config_map("large");
    large["data"] = json!({"a": "x".repeat(3_000_000)});
    let uploads = FuturesUnordered::new();
    for _ in 0..UPLOADS {
        uploads.push(clients.begin("", &large).await.answer());
    }
    // A client that breaks off while it sends may miss what it was told.
    let answers: Vec<String> = uploads.take(2).collect().await;
    let told = answers.iter().find(|answer| !answer.is_empty()).unwrap();
    assert!(told.starts_with("HTTP/1.1 429 "), "{told}");
    assert!(told.contains("\r\nretry-after: 1\r\n"), "{told}");
    let http = Http(cluster.tls_client(&listening, "ann", "system:masters"));
    http.post(CONFIG_MAPS, &config_map("small")).await.ok();
    listening.stop().await;
}

#[tokio::test]
async fn a_request_has_its_time() {
    let cluster = Cluster::start().await;
    let listening = cluster.listen().await;
    let clients = Clients::of(&cluster, &listening);
    let late = clients.begin("?timeout=200ms", &config_map("late")).await;
    let answer = late.answer().await;
    assert!(answer.starts_with("HTTP/1.1 504 "), "{answer}");
    assert!(answer.contains("did not complete within the allotted timeout"));
    let http = Http(cluster.tls_client(&listening, "ann", "system:masters"));
    let refused = http.get(&format!("{CONFIG_MAPS}?timeout=soon")).await;
    assert_eq!(refused.refused().0, 400);
    let list = http.get(&format!("{CONFIG_MAPS}?timeout=5s")).await.ok();
    let items = list["items"].as_array().unwrap();
    assert!(items.iter().all(|item| item["metadata"]["name"] != "late"));
    listening.stop().await;
}

#[tokio::test]
async fn the_end_is_announced_and_lets_what_is_under_way_come_to_its_own() {
    let cluster = Cluster::start().await;
    let listening = cluster.listen().await;
    let clients = Clients::of(&cluster, &listening);
    let http = Http(cluster.tls_client(&listening, "ann", "system:masters"));
    http.get("/readyz").await.ok();
    let request = Request::get(format!("{CONFIG_MAPS}?watch=true"));
    let watch = http.0.request_stream(request.body(Vec::new()).unwrap());
    let mut watched = within(watch).await.unwrap().lines();

    cluster.server.announce_end();
    let not_ready = http.get("/readyz").await;
    assert_eq!(not_ready.code, 500);
    let told = not_ready.body.as_str().unwrap();
    assert!(told.contains("[+]store ok\n[-]shutdown failed"), "{told}");
    assert_eq!(http.get("/readyz/shutdown").await.code, 500);
    http.get("/livez").await.ok();
    http.post(CONFIG_MAPS, &config_map("after")).await.ok();
    let line = within(watched.next()).await.unwrap().unwrap();
    assert!(line.contains("ADDED"), "{line}");

    let under = clients.begin("", &config_map("under-way")).await;
    under_way(&Http(cluster.admin()), 1).await;
    let ended = tokio::spawn(listening.stop());
    let rest: Vec<String> = within(watched.try_collect()).await.unwrap();
    assert_eq!(
        rest,
        Vec::<String>::new(),
        "the watch ends without an error"
    );
    let answer = under.finish().await;
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    within(ended).await.unwrap();
}

#[tokio::test]
async fn a_watcher_that_does_not_read_is_cut_and_others_are_not() {
    // Two MiB each in the queue of a watcher, with what they replace: more than it holds.
    const CHANGES: usize = 20;
    let cluster = Cluster::start().await;
    let listening = cluster.listen().await;
    let http = Http(cluster.tls_client(&listening, "ann", "system:masters"));
    let inside = Http(cluster.admin());
    inside.post(CONFIG_MAPS, &config_map("a")).await.ok();
    let watch = |http: &Http| {
        let request = Request::get(format!("{CONFIG_MAPS}?watch=true"));
        let request = request.body(Vec::new()).unwrap();
        let client = http.0.clone();
        async move {
            within(client.request_stream(request))
                .await
                .unwrap()
                .lines()
        }
    };
    let mut slow = watch(&http).await;
    let mut quick = watch(&http).await;
    within(quick.next()).await.unwrap().unwrap();
    let one = format!("{CONFIG_MAPS}/a");
    for change in 0..CHANGES {
        let text = format!("{change}-{}", "x".repeat(1_000_000));
        inside.merge(&one, &json!({"data": {"a": text}})).await.ok();
        let line = within(quick.next()).await.unwrap().unwrap();
        assert!(line.contains(&format!("\"{change}-x")), "{change}");
    }
    let mut seen = 0;
    while let Some(line) = within(slow.next()).await {
        assert!(line.unwrap().contains("\"kind\":\"ConfigMap\""));
        seen += 1;
    }
    assert!((1..CHANGES).contains(&seen), "it has seen {seen} events");
    let text = |value: &Value| value["data"]["a"].as_str().unwrap()[..4].to_owned();
    assert_eq!(text(&http.get(&one).await.ok()), "19-x");
    listening.stop().await;
}
