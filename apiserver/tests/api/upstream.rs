//! A server that the API server passes requests on to. It answers by the path, and what it is told after a change of
//! protocols it says again in capitals.

use std::sync::{Arc, Mutex};

use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use crate::pki::Identity;
use crate::support::within;

const SWITCHED: &str =
    "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: echo\r\n\r\n";

/// What there is behind a path with its query.
type Answers = fn(&str) -> Option<Value>;

/// A server that runs until it is dropped.
pub(crate) struct Upstream {
    pub(crate) port: u16,
    asked: Arc<Mutex<Vec<String>>>,
    _serving: JoinSet<()>,
}

impl Upstream {
    /// Over TLS if it has a certificate to show.
    pub(crate) async fn start(identity: Option<&Identity>, answers: Answers) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (asked, tls) = (Arc::default(), identity.map(acceptor));
        let mut serving = JoinSet::new();
        serving.spawn(serve(listener, tls, answers, Arc::clone(&asked)));
        Self {
            port,
            asked,
            _serving: serving,
        }
    }

    /// The heads of the requests so far.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn acceptor(identity: &Identity) -> TlsAcceptor {
    let chain = CertificateDer::pem_slice_iter(identity.certificate_pem.as_bytes());
    let key = PrivateKeyDer::from_pem_slice(identity.key_pem.as_bytes()).unwrap();
    let tls = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain.map(Result::unwrap).collect(), key)
        .unwrap();
    TlsAcceptor::from(Arc::new(tls))
}

async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    answers: Answers,
    asked: Arc<Mutex<Vec<String>>>,
) {
    let mut connections = JoinSet::new();
    while let Ok((tcp, _)) = listener.accept().await {
        let (tls, asked) = (tls.clone(), Arc::clone(&asked));
        connections.spawn(async move {
            match tls {
                None => converse(tcp, answers, &asked).await,
                // A client that does not trust us breaks off.
                Some(tls) => match tls.accept(tcp).await {
                    Ok(stream) => converse(stream, answers, &asked).await,
                    Err(_) => None,
                },
            }
        });
    }
}

/// Answers until the other side ends.
async fn converse(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    answers: Answers,
    asked: &Mutex<Vec<String>>,
) -> Option<()> {
    loop {
        let head = head_of(&mut stream).await?;
        asked.lock().unwrap().push(head.clone());
        if head.contains("\r\nupgrade: ") {
            stream.write_all(SWITCHED.as_bytes()).await.ok()?;
            return echo(stream).await;
        }
        let path = head.split(' ').nth(1)?;
        let (line, body) = match answers(path) {
            Some(body) => ("200 OK", body.to_string()),
            None => ("404 Not Found", "{}".to_owned()),
        };
        let answer = format!(
            "HTTP/1.1 {line}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(answer.as_bytes()).await.ok()?;
    }
}

async fn echo(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> Option<()> {
    let mut buffer = [0; 64];
    loop {
        let count = stream
            .read(&mut buffer)
            .await
            .ok()
            .filter(|count| *count > 0)?;
        buffer.make_ascii_uppercase();
        stream.write_all(&buffer[..count]).await.ok()?;
    }
}

/// The head of a request or an answer; none if there comes no more.
pub(crate) async fn head_of(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}

/// Changes the protocol of a client's connection, and hears an echo from the server behind this path.
pub(crate) async fn hear_an_echo(mut client: impl AsyncRead + AsyncWrite + Unpin, path: &str) {
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: echo\r\nauthorization: Bearer secret\r\n\r\n"
    );
    client.write_all(request.as_bytes()).await.unwrap();
    let head = within(head_of(&mut client)).await.unwrap();
    assert!(head.starts_with("HTTP/1.1 101 "), "{path}: {head}");
    assert!(head.contains("\r\nupgrade: echo\r\n"), "{path}: {head}");
    client.write_all(b"hello").await.unwrap();
    let mut echo = [0; 5];
    within(client.read_exact(&mut echo)).await.unwrap();
    assert_eq!(&echo, b"HELLO", "{path}");
}
