//! Real rules and real packets, in network namespaces that end with their threads.

mod beside;

use std::net::Ipv4Addr;
use std::process::Command;

use nix::sched::{CloneFlags, unshare};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

use super::*;
use crate::model::testing::{self, web_on};
use crate::model::{Protocol, ServicePort};
use crate::netfilter::{Conntrack, Monitor, Trouble, datagram_fronts};
use beside::Beside;

const SERVICE: &str = "10.96.0.5:80";

/// Runs `test` on a thread in a network namespace of its own: real rules, real packets, gone with the thread.
fn in_namespace<F: Future<Output = ()>>(test: impl FnOnce() -> F + Send + 'static) {
    let run = move || {
        unshare(CloneFlags::CLONE_NEWNET).expect("needs root");
        ip("link set lo up");
        ip("addr add 192.0.2.1/32 dev lo");
        std::fs::write("/proc/sys/net/ipv4/ip_forward", "1").expect("forwarding");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(test());
    };
    std::thread::spawn(run).join().expect("the test passes");
}

fn ip(line: &str) {
    let status = Command::new("ip").args(line.split(' ')).status();
    assert!(status.expect("ip").success(), "ip {line}");
}

fn ranges() -> Ranges {
    let range = |text: &str| text.parse().expect("a range");
    Ranges {
        node: Ipv4Addr::new(192, 0, 2, 1),
        cluster: range("10.244.0.0/16"),
        services: vec![range("10.96.0.0/12")],
        node_ports: Vec::new(),
    }
}

fn nftables() -> Nftables {
    Nftables::new(&ranges(), Loader::default())
}

async fn route() {
    let range = ranges().services[0];
    crate::host::lead_here(range, Ipv4Addr::new(192, 0, 2, 1))
        .await
        .expect("routed");
}

fn port(endpoints: &[&str]) -> ServicePort {
    web_on(30002, endpoints)
}

fn model(endpoints: &[&str]) -> Model {
    testing::model(port(endpoints))
}

/// Answers each connection with its own address.
async fn answer(at: &'static str) {
    let listener = TcpListener::bind(at).await.expect("listen");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(at.as_bytes()).await;
        }
    });
}

async fn asked(address: &str) -> Result<String, std::io::ErrorKind> {
    let mut stream = TcpStream::connect(address)
        .await
        .map_err(|error| error.kind())?;
    let mut told = String::new();
    stream
        .read_to_string(&mut told)
        .await
        .map_err(|error| error.kind())?;
    Ok(told)
}

#[test]
fn endpoints_answer_in_turn_and_leave() {
    in_namespace(|| async {
        route().await;
        answer("127.0.0.2:8080").await;
        answer("127.0.0.3:8081").await;
        let mut nftables = nftables();
        nftables
            .apply(&model(&["127.0.0.2:8080", "127.0.0.3:8081"]))
            .await
            .expect("applied");
        for address in [SERVICE, "192.0.2.1:30002"] {
            let mut told = Vec::new();
            for _ in 0..4 {
                told.push(asked(address).await.expect("answered"));
            }
            assert_ne!(told[0], told[1], "{address}");
            assert_eq!(
                (&told[0], &told[1]),
                (&told[2], &told[3]),
                "{address}: in turn"
            );
        }
        nftables
            .apply(&model(&["127.0.0.3:8081"]))
            .await
            .expect("applied");
        assert_eq!(asked(SERVICE).await.as_deref(), Ok("127.0.0.3:8081"));
        nftables.apply(&model(&[])).await.expect("applied");
        assert_eq!(
            asked(SERVICE).await,
            Err(std::io::ErrorKind::ConnectionRefused)
        );
        assert_eq!(
            asked("192.0.2.1:30002").await,
            Err(std::io::ErrorKind::ConnectionRefused)
        );
        nftables.apply(&Model::default()).await.expect("applied");
    });
}

#[test]
fn an_address_without_a_service_is_refused_even_where_the_node_listens() {
    in_namespace(|| async {
        route().await;
        answer("0.0.0.0:22").await;
        nftables().apply(&Model::default()).await.expect("applied");
        assert_eq!(
            asked("10.96.7.7:22").await,
            Err(std::io::ErrorKind::ConnectionRefused)
        );
        assert_eq!(asked("192.0.2.1:22").await.as_deref(), Ok("0.0.0.0:22"));
    });
}

#[test]
fn a_second_start_replaces_what_the_first_left() {
    in_namespace(|| async {
        route().await;
        answer("127.0.0.2:8080").await;
        nftables()
            .apply(&model(&["127.0.0.9:1"]))
            .await
            .expect("applied");
        nftables()
            .apply(&model(&["127.0.0.2:8080"]))
            .await
            .expect("applied");
        assert_eq!(asked(SERVICE).await.as_deref(), Ok("127.0.0.2:8080"));
    });
}

#[test]
fn a_node_port_is_not_a_port_of_the_service_range() {
    in_namespace(|| async {
        route().await;
        answer("127.0.0.2:8080").await;
        let mut nftables = nftables();
        let model = model(&["127.0.0.2:8080"]);
        nftables.apply(&model).await.expect("applied");
        for address in ["10.96.7.7:30002", "10.96.0.5:30002"] {
            assert_eq!(
                asked(address).await,
                Err(std::io::ErrorKind::ConnectionRefused),
                "{address}"
            );
        }
    });
}

#[test]
fn a_client_with_affinity_stays_with_its_endpoint() {
    in_namespace(|| async {
        route().await;
        answer("127.0.0.2:8080").await;
        answer("127.0.0.3:8081").await;
        let mut sticky = port(&["127.0.0.2:8080", "127.0.0.3:8081"]);
        sticky.affinity_seconds = Some(10_800);
        let sticky = testing::model(sticky);
        nftables().apply(&sticky).await.expect("applied");
        for address in [SERVICE, "192.0.2.1:30002"] {
            let first = asked(address).await.expect("answered");
            for _ in 0..4 {
                assert_eq!(asked(address).await.as_ref(), Ok(&first), "{address}");
            }
        }
        // Loaded anew, as when skiff starts again.
        let first = asked(SERVICE).await.expect("answered");
        nftables().apply(&sticky).await.expect("applied");
        assert_eq!(asked(SERVICE).await, Ok(first));
    });
}

#[test]
fn what_the_node_asks_of_itself_is_not_translated() {
    in_namespace(|| async {
        route().await;
        // Masquerading would take this address, which is on another interface.
        ip("addr del 192.0.2.1/32 dev lo");
        let _pod = Beside::new("10.244.0.1", "10.244.0.2");
        let _uplink = Beside::new("192.0.2.1", "192.0.2.2");
        let mut nftables = nftables();
        let model = model(&["192.0.2.1:8080"]);
        nftables.apply(&model).await.expect("applied");
        beside::tell_peers("192.0.2.1:8080");
        assert_eq!(asked("192.0.2.1:8080").await.as_deref(), Ok("192.0.2.1"));
        assert!(asked(SERVICE).await.is_ok());
    });
}

#[test]
fn endpoints_see_the_client_where_they_may() {
    in_namespace(|| async {
        route().await;
        let pod = Beside::new("10.244.0.1", "10.244.0.2");
        let client = Beside::new("198.51.100.1", "198.51.100.2");
        pod.run(|| beside::tell_peers("10.244.0.2:8080"));
        let mut nftables = nftables();
        let mut port = port(&["10.244.0.2:8080"]);
        let model = testing::model(port.clone());
        nftables.apply(&model).await.expect("applied");
        assert_eq!(
            client.run(|| beside::asked("198.51.100.1:30002")),
            "10.244.0.1"
        );
        assert_eq!(client.run(|| beside::asked(SERVICE)), "10.244.0.1");
        assert_eq!(
            pod.run(|| beside::asked(SERVICE)),
            "10.244.0.1",
            "a Pod reaches itself through the node"
        );
        port.external.keeps_source = true;
        let model = testing::model(port);
        nftables.apply(&model).await.expect("applied");
        assert_eq!(
            client.run(|| beside::asked("198.51.100.1:30002")),
            "198.51.100.2"
        );
        assert_eq!(client.run(|| beside::asked(SERVICE)), "10.244.0.1");
    });
}

/// A datagram to `address` and the answer of `server`.
async fn answered(client: &UdpSocket, server: &UdpSocket, words: &[u8]) {
    client.send(b"ask").await.expect("sent");
    let mut buffer = [0; 8];
    let (_, from) = server.recv_from(&mut buffer).await.expect("asked");
    server.send_to(words, from).await.expect("sent");
    let length = client.recv(&mut buffer).await.expect("answered");
    assert_eq!(&buffer[..length], words);
}

fn datagrams(endpoint: &str) -> Model {
    let mut port = port(&[endpoint]);
    port.protocol = Protocol::Udp;
    testing::model(port)
}

#[test]
fn a_udp_service_answers_from_its_own_address() {
    in_namespace(|| async {
        route().await;
        let server = UdpSocket::bind("127.0.0.2:5353").await.expect("bind");
        let model = datagrams("127.0.0.2:5353");
        nftables().apply(&model).await.expect("applied");
        for address in [SERVICE, "192.0.2.1:30002"] {
            let client = UdpSocket::bind("0.0.0.0:0").await.expect("bind");
            client.connect(address).await.expect("connected");
            answered(&client, &server, b"answer").await;
        }
    });
}

#[test]
fn a_client_of_udp_follows_when_the_endpoint_changes() {
    in_namespace(|| async {
        route().await;
        let (one, two) = ("127.0.0.2:5353", "127.0.0.3:5353");
        let (first, second) = (datagrams(one), datagrams(two));
        let one = UdpSocket::bind(one).await.expect("bind");
        let two = UdpSocket::bind(two).await.expect("bind");
        let mut nftables = nftables();
        let conntrack = Conntrack::open().expect("netlink");
        nftables.apply(&first).await.expect("applied");
        let mut clients = Vec::new();
        for address in [SERVICE, "192.0.2.1:30002"] {
            let client = UdpSocket::bind("0.0.0.0:0").await.expect("bind");
            client.connect(address).await.expect("connected");
            answered(&client, &one, b"one").await;
            clients.push(client);
        }
        nftables.apply(&second).await.expect("applied");
        let fronts = datagram_fronts(&second.changes_since(&first));
        assert_eq!(conntrack.forget(&fronts).await.expect("forgotten"), 2);
        for client in &clients {
            answered(client, &two, b"two").await;
        }
        assert_eq!(conntrack.forget(&fronts).await.expect("forgotten"), 0);
    });
}

#[test]
fn rules_that_somebody_flushes_are_missed_and_own_changes_are_not() {
    in_namespace(|| async {
        let loader = Loader::default();
        let monitor = Monitor::open(loader.clone()).expect("netlink");
        let mut nftables = Nftables::new(&ranges(), loader);
        for endpoints in [&["127.0.0.2:80"][..], &[]] {
            nftables.apply(&model(endpoints)).await.expect("applied");
            nftables.forget();
        }
        nftables.apply(&Model::default()).await.expect("applied");
        let nothing =
            tokio::time::timeout(std::time::Duration::from_millis(300), monitor.trouble());
        assert!(nothing.await.is_err(), "its own changes");
        let flushed = Command::new("nft").args(["flush", "ruleset"]).status();
        assert!(flushed.expect("nft").success());
        assert_eq!(monitor.trouble().await.expect("news"), Trouble::RulesGone);
    });
}

#[test]
fn external_addresses_are_guarded_and_refuse_without_endpoints() {
    in_namespace(|| async {
        route().await;
        let pod = Beside::new("10.244.0.1", "10.244.0.2");
        let client = Beside::new("198.51.100.1", "198.51.100.2");
        pod.run(|| beside::tell_peers("10.244.0.2:8080"));
        let mut nftables = nftables();
        let mut port = port(&["10.244.0.2:8080"]);
        port.external.ips.insert([203, 0, 113, 7].into());
        port.external.load_balancer.insert([198, 51, 100, 1].into());
        nftables
            .apply(&testing::model(port.clone()))
            .await
            .expect("applied");
        for address in ["203.0.113.7:80", "198.51.100.1:80"] {
            assert_eq!(
                client.run(move || beside::asked(address)),
                "10.244.0.1",
                "{address}"
            );
        }
        port.external
            .source_ranges
            .insert("192.0.2.0/24".parse().expect("a range"));
        nftables
            .apply(&testing::model(port.clone()))
            .await
            .expect("applied");
        assert!(
            !client.run(|| beside::answers("198.51.100.1:80")),
            "not of the ranges"
        );
        assert!(
            client.run(|| beside::answers("203.0.113.7:80")),
            "no load balancer"
        );
        port.external
            .source_ranges
            .insert("198.51.100.2/32".parse().expect("a range"));
        port.external.keeps_source = true;
        nftables
            .apply(&testing::model(port.clone()))
            .await
            .expect("applied");
        assert_eq!(
            client.run(|| beside::asked("198.51.100.1:80")),
            "198.51.100.2"
        );
        // No endpoint on this node: those outside are refused, those inside are not.
        port.external.endpoints.clear();
        port.external.source_ranges.clear();
        nftables
            .apply(&testing::model(port))
            .await
            .expect("applied");
        for address in ["203.0.113.7:80", "198.51.100.1:80", "198.51.100.1:30002"] {
            assert!(!client.run(move || beside::answers(address)), "{address}");
            assert!(pod.run(move || beside::answers(address)), "{address}");
        }
    });
}

#[test]
fn beside_ipvs_only_addresses_with_a_virtual_server_are_let_in() {
    in_namespace(|| async {
        route().await;
        // Stands for the virtual servers.
        answer("0.0.0.0:80").await;
        let mut table = Table::new(base_table(Base::BesideIpvs, &ranges()), Loader::default());
        let model = model(&["192.0.2.1:8080"]);
        table.apply(&model, beside_ipvs).await.expect("loaded");
        assert_eq!(asked(SERVICE).await.as_deref(), Ok("0.0.0.0:80"));
        assert_eq!(
            asked("10.96.7.7:80").await,
            Err(std::io::ErrorKind::ConnectionRefused)
        );
    });
}

/// Change to kernel with 10,000 Services; prints the times: `cargo test --release -- --ignored --nocapture ten_thousand`.
#[test]
#[ignore = "a measurement"]
fn one_of_ten_thousand_services_changes() {
    in_namespace(|| async {
        let service = |number: u32, last: u8| {
            let mut port = port(&[]);
            port.external.node_port = None;
            port.name = format!("default/web-{number}:");
            port.cluster_ip = Ipv4Addr::from(0x0a60_0001 + number);
            let endpoint =
                |pod: u32, port: u16| std::net::SocketAddrV4::new((0x0af4_0000 + pod).into(), port);
            port.endpoints = [
                endpoint(number * 2, 80),
                endpoint(number * 2 + 1, u16::from(last)),
            ]
            .into();
            vec![port]
        };
        let mut model = Model::default();
        for number in 0..10_000 {
            model.put(&format!("default/web-{number}"), service(number, 80));
        }
        let mut nftables = nftables();
        nftables.apply(&model).await.expect("applied");
        let mut took = Vec::new();
        for number in 0..200 {
            let began = std::time::Instant::now();
            model.put(&format!("default/web-{number}"), service(number, 81));
            nftables.apply(&model).await.expect("applied");
            took.push(began.elapsed());
        }
        took.sort();
        println!("p50 {:?}, p99 {:?}", took[100], took[198]);
    });
}
