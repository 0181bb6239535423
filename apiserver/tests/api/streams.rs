//! Logs and exec, through this server to a kubelet.

use std::sync::Arc;

use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::http_client::Http;
use crate::pki::{Identity, Pki};
use crate::support::{Cluster, pod, service_account, within};

const PODS: &str = "/api/v1/namespaces/default/pods";

fn parts(identity: &Identity) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let chain = CertificateDer::pem_slice_iter(identity.certificate_pem.as_bytes());
    let key = PrivateKeyDer::from_pem_slice(identity.key_pem.as_bytes()).unwrap();
    (chain.map(Result::unwrap).collect(), key)
}

fn roots(pki: &Pki) -> Arc<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(pki.ca_pem.as_bytes()).unwrap())
        .unwrap();
    Arc::new(roots)
}

async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(within(stream.read_u8()).await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

/// A kubelet that answers one request, and tells what it was asked.
struct Kubelet {
    listener: TcpListener,
    tls: TlsAcceptor,
}

impl Kubelet {
    async fn listen(pki: &Pki) -> Self {
        let verifier = WebPkiClientVerifier::builder(roots(pki)).build().unwrap();
        let (chain, key) = parts(&pki.server("127.0.0.1"));
        let tls = ServerConfig::builder()
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, key)
            .unwrap();
        Self {
            listener: TcpListener::bind("127.0.0.1:0").await.unwrap(),
            tls: TlsAcceptor::from(Arc::new(tls)),
        }
    }

    /// Makes a Pod on its node.
    async fn with_pod(&self, http: &Http) {
        let port = self.listener.local_addr().unwrap().port();
        let node = json!({
            "metadata": {"name": "n1"},
            "status": {
                "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
                "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
            },
        });
        http.post("/api/v1/nodes", &node).await.ok();
        let accounts = "/api/v1/namespaces/default/serviceaccounts";
        http.post(accounts, &service_account("default")).await.ok();
        let mut web = pod("web");
        web["spec"]["nodeName"] = json!("n1");
        http.post(PODS, &web).await.ok();
    }

    /// Answers with these bytes, then sends back what comes, in capitals.
    async fn answer(&self, answer: &str) -> String {
        let (tcp, _) = within(self.listener.accept()).await.unwrap();
        let mut stream = within(self.tls.accept(tcp)).await.unwrap();
        let head = read_head(&mut stream).await;
        stream.write_all(answer.as_bytes()).await.unwrap();
        let mut buffer = [0; 64];
        while let Ok(count @ 1..) = stream.read(&mut buffer).await {
            buffer.make_ascii_uppercase();
            stream.write_all(&buffer[..count]).await.unwrap();
        }
        head
    }
}

#[tokio::test]
async fn a_log_comes_from_the_kubelet_of_the_pods_node() {
    let cluster = Cluster::start().await;
    let http = Http(cluster.admin());
    let kubelet = Kubelet::listen(&cluster.pki).await;
    kubelet.with_pod(&http).await;
    let path = format!("{PODS}/web/log?tailLines=2&timestamps=true");
    let answer = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nconnection: close\r\ncontent-length: 12\r\n\r\nline1\nline2\n";
    let (log, asked) = tokio::join!(http.get(&path), kubelet.answer(answer));
    assert_eq!(log.ok(), "line1\nline2\n");
    assert!(
        asked.starts_with(
            "GET /containerLogs/default/web/nginx?tailLines=2&timestamps=true HTTP/1.1"
        ),
        "{asked}"
    );

    let why = "container \"nginx\" in pod \"web\" is waiting to start: ContainerCreating";
    let answer = format!(
        "HTTP/1.1 400 Bad Request\r\ncontent-length: {}\r\n\r\n{why}",
        why.len()
    );
    let (log, _) = tokio::join!(http.get(&path), kubelet.answer(&answer));
    assert_eq!(log.refused(), (400, "BadRequest".into(), why.into()));

    drop(kubelet);
    let refused = http.get(&path).await.refused();
    assert_eq!((refused.0, refused.1.as_str()), (500, "InternalError"));
}

#[tokio::test]
async fn exec_is_a_stream_both_ways() {
    let cluster = Cluster::start().await;
    let listening = cluster.listen().await;
    let kubelet = Kubelet::listen(&cluster.pki).await;
    kubelet.with_pod(&Http(cluster.admin())).await;
    let (chain, key) = parts(&cluster.pki.client("admin", "system:masters"));
    let tls = ClientConfig::builder()
        .with_root_certificates(roots(&cluster.pki))
        .with_client_auth_cert(chain, key)
        .unwrap();
    let tcp = TcpStream::connect(("127.0.0.1", listening.port))
        .await
        .unwrap();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let mut client = TlsConnector::from(Arc::new(tls))
        .connect(name, tcp)
        .await
        .unwrap();
    let request = format!(
        "POST {PODS}/web/exec?command=ls&stdin=true&stdout=true HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: SPDY/3.1\r\nx-stream-protocol-version: v4.channel.k8s.io\r\ncontent-length: 0\r\n\r\n"
    );
    let switched = "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: SPDY/3.1\r\nx-stream-protocol-version: v4.channel.k8s.io\r\n\r\n";
    let talk = async {
        client.write_all(request.as_bytes()).await.unwrap();
        let head = read_head(&mut client).await;
        client.write_all(b"hello").await.unwrap();
        let mut echo = [0; 5];
        within(client.read_exact(&mut echo)).await.unwrap();
        client.shutdown().await.unwrap();
        (head, echo)
    };
    let ((head, echo), asked) = tokio::join!(talk, kubelet.answer(switched));
    assert!(
        head.starts_with("HTTP/1.1 101 Switching Protocols"),
        "{head}"
    );
    assert!(
        head.contains("x-stream-protocol-version: v4.channel.k8s.io"),
        "{head}"
    );
    assert_eq!(&echo, b"HELLO");
    assert!(
        asked.starts_with("POST /exec/default/web/nginx?command=ls&input=1&output=1 HTTP/1.1"),
        "{asked}"
    );
    assert!(asked.contains("upgrade: SPDY/3.1"), "{asked}");
    listening.stop().await;
}
