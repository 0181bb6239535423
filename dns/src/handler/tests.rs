//! What clients see over real sockets: the cluster comes from list-watch, the upstream is a name server of the test's own.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use hickory_proto::op::MessageType;
use hickory_server::Server;
use http::{Request as HttpRequest, Response as HttpResponse};
use kube::client::Body;
use serde_json::{Value, json};
use skiff_client::{Informers, in_process};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio_util::sync::CancellationToken;

use super::*;

fn service(name: &str, spec: Value) -> Value {
    json!({ "metadata": { "namespace": "default", "name": name }, "spec": spec })
}

fn external(name: &str, target: &str) -> Value {
    service(
        name,
        json!({ "type": "ExternalName", "externalName": target }),
    )
}

fn objects(path: &str) -> Vec<Value> {
    let endpoints: Vec<Value> = (1..=60)
        .map(|last| json!({ "addresses": [format!("10.244.0.{last}")] }))
        .collect();
    match path {
        "/api/v1/namespaces" => vec![json!({ "metadata": { "name": "default" } })],
        "/api/v1/services" => vec![
            service("web", json!({ "clusterIP": "10.96.0.5" })),
            service("crowd", json!({ "clusterIP": "None" })),
            service("nobody", json!({ "clusterIP": "None" })),
            external("alias", "web.default.svc.cluster.local"),
            external("db", "db.example.test"),
            external("twice", "db.default.svc.cluster.local"),
            external("circle", "circle.default.svc.cluster.local"),
            external("lost", "nowhere.default.svc.cluster.local"),
            external("gone", "gone.example.test"),
            external("ill", "ill.example.test"),
        ],
        _ => vec![json!({
            "metadata": { "namespace": "default", "name": "crowd-1", "labels": { "kubernetes.io/service-name": "crowd" } },
            "addressType": "IPv4", "endpoints": endpoints,
        })],
    }
}

/// An API server whose objects never change.
async fn api(request: HttpRequest<Body>) -> Result<HttpResponse<Body>, Infallible> {
    if request
        .uri()
        .query()
        .is_some_and(|query| query.contains("watch"))
    {
        std::future::pending::<()>().await;
    }
    let list =
        json!({ "metadata": { "resourceVersion": "7" }, "items": objects(request.uri().path()) });
    Ok(HttpResponse::new(Body::from(list.to_string().into_bytes())))
}

fn upstream_says(query: &[u8], over_tcp: bool) -> Vec<u8> {
    let query = Message::from_vec(query).expect("a query");
    let asked = &query.queries[0];
    let mut answer = Message::query();
    answer.metadata.id = query.metadata.id;
    answer.metadata.message_type = MessageType::Response;
    answer.add_query(asked.clone());
    let address = RData::A(A(Ipv4Addr::new(192, 0, 2, 7)));
    let record = Record::from_rdata(asked.name().clone(), 60, address);
    match text_of(asked.name()).as_str() {
        "db.example.test" => drop(answer.add_answer(record)),
        "long.example.test" if over_tcp => drop(answer.add_answer(record)),
        "long.example.test" => answer.metadata.truncation = true,
        "gone.example.test" => answer.metadata.response_code = ResponseCode::NXDomain,
        _ => answer.metadata.response_code = ResponseCode::ServFail,
    }
    answer.to_vec().expect("encoded")
}

async fn upstream() -> SocketAddr {
    let tcp = TcpListener::bind("127.0.0.1:0").await.expect("listen");
    let at = tcp.local_addr().expect("an address");
    let udp = UdpSocket::bind(at).await.expect("bind");
    tokio::spawn(async move {
        let mut buffer = [0; 1500];
        while let Ok((length, from)) = udp.recv_from(&mut buffer).await {
            let answer = upstream_says(&buffer[..length], false);
            udp.send_to(&answer, from).await.expect("sent");
        }
    });
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = tcp.accept().await {
            let length = stream.read_u16().await.expect("a length");
            let mut query = vec![0; usize::from(length)];
            stream.read_exact(&mut query).await.expect("a query");
            let answer = upstream_says(&query, true);
            send(&mut stream, &answer).await;
        }
    });
    at
}

async fn send(stream: &mut TcpStream, message: &[u8]) {
    let length = u16::try_from(message.len()).expect("short");
    stream.write_u16(length).await.expect("sent");
    stream.write_all(message).await.expect("sent");
}

struct Dns {
    udp: SocketAddr,
    tcp: SocketAddr,
    _server: Server<Handler>,
}

impl Dns {
    async fn start() -> Self {
        let client = in_process(
            tower::service_fn(api),
            skiff_api::UserInfo::new("dns", ["system:authenticated"]),
        );
        let informers = Informers::new(client, CancellationToken::new());
        let cluster = Cluster::new(&informers, "cluster.local");
        while !cluster.is_ready() {
            tokio::task::yield_now().await;
        }
        let forwarder = Forwarder::new(vec![upstream().await]);
        let mut server = Server::new(Handler { cluster, forwarder });
        let udp = UdpSocket::bind("127.0.0.1:0").await.expect("bind");
        let tcp = TcpListener::bind("127.0.0.1:0").await.expect("listen");
        let (at_udp, at_tcp) = (udp.local_addr(), tcp.local_addr());
        server.register_socket(udp);
        server.register_listener(tcp, Duration::from_secs(5), 8);
        Self {
            udp: at_udp.expect("an address"),
            tcp: at_tcp.expect("an address"),
            _server: server,
        }
    }

    async fn ask_udp(&self, query: &Message) -> Message {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("bind");
        let bytes = query.to_vec().expect("encoded");
        socket.send_to(&bytes, self.udp).await.expect("sent");
        let mut buffer = vec![0; 65_535];
        let length = socket.recv(&mut buffer).await.expect("answered");
        Message::from_vec(&buffer[..length]).expect("an answer")
    }

    async fn ask_tcp(&self, query: &Message) -> Message {
        let mut stream = TcpStream::connect(self.tcp).await.expect("connected");
        send(&mut stream, &query.to_vec().expect("encoded")).await;
        let length = stream.read_u16().await.expect("answered");
        let mut answer = vec![0; usize::from(length)];
        stream.read_exact(&mut answer).await.expect("answered");
        Message::from_vec(&answer).expect("an answer")
    }

    async fn ask(&self, name: &str, wanted: RecordType) -> Message {
        self.ask_udp(&query(name, wanted)).await
    }
}

fn query(name: &str, wanted: RecordType) -> Message {
    let mut query = Message::query();
    query.metadata.recursion_desired = true;
    query.add_query(Query::query(
        Name::from_ascii(name).expect("a name"),
        wanted,
    ));
    query
}

/// The answers as text: owner, type and data.
fn shown(message: &Message) -> Vec<String> {
    let record =
        |record: &Record| format!("{} {} {}", record.name, record.record_type(), record.data);
    message.answers.iter().map(record).collect()
}

#[tokio::test]
async fn a_name_has_records_or_none_or_is_missing() {
    let dns = Dns::start().await;
    let svc = "svc.cluster.local.";
    let cases = [
        (
            format!("web.default.{svc}"),
            RecordType::A,
            ResponseCode::NoError,
            1,
        ),
        (
            format!("web.default.{svc}"),
            RecordType::AAAA,
            ResponseCode::NoError,
            0,
        ),
        (
            format!("web.default.{svc}"),
            RecordType::ANY,
            ResponseCode::NoError,
            1,
        ),
        (
            format!("default.{svc}"),
            RecordType::A,
            ResponseCode::NoError,
            0,
        ),
        (
            format!("nobody.default.{svc}"),
            RecordType::A,
            ResponseCode::NXDomain,
            0,
        ),
        (
            format!("none.default.{svc}"),
            RecordType::AAAA,
            ResponseCode::NXDomain,
            0,
        ),
        (
            format!("db.example.test.default.{svc}"),
            RecordType::A,
            ResponseCode::NXDomain,
            0,
        ),
        (
            "db.example.test.cluster.local.".to_owned(),
            RecordType::A,
            ResponseCode::NXDomain,
            0,
        ),
    ];
    for (name, wanted, code, answers) in cases {
        let answer = dns.ask(&name, wanted).await;
        let seen = (answer.metadata.response_code, answer.answers.len());
        assert_eq!(seen, (code, answers), "{name} {wanted}");
        assert!(answer.metadata.authoritative, "{name} {wanted}");
        let negative = answers == 0;
        assert_eq!(
            answer.authorities.len(),
            usize::from(negative),
            "{name}: an SOA"
        );
    }
}

#[tokio::test]
async fn aliases_are_followed_to_their_end() {
    let dns = Dns::start().await;
    let alias = |from: &str, to: &str| format!("{from}. CNAME {to}.");
    let of = |name: &str| format!("{name}.default.svc.cluster.local");
    let address = "db.example.test. A 192.0.2.7".to_owned();
    let circle = vec![alias(&of("circle"), &of("circle")); LONGEST_CHAIN];
    let cases = [
        (
            "alias",
            RecordType::A,
            ResponseCode::NoError,
            vec![
                alias(&of("alias"), &of("web")),
                format!("{}. A 10.96.0.5", of("web")),
            ],
        ),
        (
            "alias",
            RecordType::CNAME,
            ResponseCode::NoError,
            vec![alias(&of("alias"), &of("web"))],
        ),
        (
            "db",
            RecordType::ANY,
            ResponseCode::NoError,
            vec![alias(&of("db"), "db.example.test")],
        ),
        (
            "alias",
            RecordType::AAAA,
            ResponseCode::NoError,
            vec![alias(&of("alias"), &of("web"))],
        ),
        (
            "db",
            RecordType::A,
            ResponseCode::NoError,
            vec![alias(&of("db"), "db.example.test"), address.clone()],
        ),
        (
            "twice",
            RecordType::A,
            ResponseCode::NoError,
            vec![
                alias(&of("twice"), &of("db")),
                alias(&of("db"), "db.example.test"),
                address,
            ],
        ),
        (
            "lost",
            RecordType::A,
            ResponseCode::NXDomain,
            vec![alias(&of("lost"), &of("nowhere"))],
        ),
        (
            "gone",
            RecordType::A,
            ResponseCode::NXDomain,
            vec![alias(&of("gone"), "gone.example.test")],
        ),
        (
            "ill",
            RecordType::A,
            ResponseCode::ServFail,
            vec![alias(&of("ill"), "ill.example.test")],
        ),
        ("circle", RecordType::A, ResponseCode::ServFail, circle),
    ];
    for (name, wanted, code, answers) in cases {
        let answer = dns.ask(&format!("{}.", of(name)), wanted).await;
        let seen = (answer.metadata.response_code, shown(&answer));
        assert_eq!(seen, (code, answers), "{name} {wanted}");
    }
}

#[tokio::test]
async fn an_answer_keeps_the_case_of_its_question() {
    let dns = Dns::start().await;
    let name = "WeB.dEfault.svc.Cluster.local.";
    let answer = dns.ask(name, RecordType::A).await;
    assert_eq!(answer.queries[0].name().to_string(), name);
    assert_eq!(shown(&answer), [format!("{name} A 10.96.0.5")]);
}

#[tokio::test]
async fn answers_over_udp_are_as_long_as_the_asker_takes() {
    let dns = Dns::start().await;
    let plain = query("crowd.default.svc.cluster.local.", RecordType::A);
    let cut = dns.ask_udp(&plain).await;
    assert!(cut.metadata.truncation && cut.answers.len() < 60 && cut.edns.is_none());
    let whole = dns.ask_tcp(&plain).await;
    assert!(!whole.metadata.truncation && whole.answers.len() == 60);
    for (takes, answers) in [(512, false), (1232, true), (4096, true)] {
        let mut query = plain.clone();
        query.edns.insert(Edns::new()).set_max_payload(takes);
        let answer = dns.ask_udp(&query).await;
        assert_eq!(answer.answers.len() == 60, answers, "{takes}");
        assert_eq!(answer.metadata.truncation, !answers, "{takes}");
        assert!(answer.edns.is_some(), "{takes}: EDNS is answered with EDNS");
    }
}

#[tokio::test]
async fn names_outside_the_zone_are_asked_upstream_over_the_same_transport() {
    let dns = Dns::start().await;
    let address = "db.example.test. A 192.0.2.7";
    assert_eq!(
        shown(&dns.ask("db.example.test.", RecordType::A).await),
        [address]
    );
    let long = query("long.example.test.", RecordType::A);
    assert!(dns.ask_udp(&long).await.metadata.truncation);
    assert_eq!(dns.ask_tcp(&long).await.answers.len(), 1);
    let gone = dns.ask("gone.example.test.", RecordType::A).await;
    assert_eq!(gone.metadata.response_code, ResponseCode::NXDomain);
}

#[tokio::test]
async fn only_queries_are_served() {
    let dns = Dns::start().await;
    let mut update = query("web.default.svc.cluster.local.", RecordType::A);
    update.metadata.op_code = OpCode::Notify;
    let answer = dns.ask_udp(&update).await;
    assert_eq!(answer.metadata.response_code, ResponseCode::NotImp);
    assert!(answer.answers.is_empty());
}
