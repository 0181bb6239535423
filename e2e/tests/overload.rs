//! More clients than the API server has room for, and its end while they are there.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use skiff_e2e::{Cluster, eventually, on_a_cluster};

/// As many writes the API server has under way at most, as Kubernetes' has.
const WRITES: usize = 200;
const CONFIG_MAPS: &str = "/api/v1/namespaces/default/configmaps";
/// Bounds each answer.
const ANSWERED_WITHIN: Duration = Duration::from_secs(60);

#[test]
fn a_crowd_of_writers_is_told_to_come_again() -> Result<()> {
    on_a_cluster(|cluster| {
        let administrator = Administrator::of(cluster)?;
        let held = cluster.namespace().run(|| {
            let unfinished = |_| administrator.ask("POST", CONFIG_MAPS, 100, "{");
            (0..WRITES).map(unfinished).collect::<Result<Vec<_>>>()
        })?;
        eventually("another write to be refused", 60, || {
            let ask = || administrator.ask("POST", CONFIG_MAPS, 2, "{}");
            let answer = rest_of(cluster.namespace().run(ask)?)?;
            ensure!(answer.starts_with("HTTP/1.1 429 "), "{answer}");
            ensure!(answer.contains("\r\nretry-after: 1\r\n"), "{answer}");
            ensure!(answer.contains("\"TooManyRequests\""), "{answer}");
            Ok(())
        })?;
        // Who reads does not suffer, nor do the cluster's own parts, which write as ever.
        cluster.kubectl("get nodes")?;
        let last_heard = || {
            let path = "{.items[0].spec.renewTime}";
            cluster.kubectl(&format!(
                "get leases -n kube-node-lease -o 'jsonpath={path}'"
            ))
        };
        let before = last_heard()?;
        eventually("the node to tell that it lives", 45, || {
            ensure!(last_heard()? != before, "it was last heard of at {before}");
            Ok(())
        })?;
        drop(held);
        cluster.kubectl("create configmap late").map(drop)
    })
}

#[test]
fn the_end_comes_in_order() -> Result<()> {
    on_a_cluster(|cluster| {
        let administrator = Administrator::of(cluster)?;
        let path = format!("{CONFIG_MAPS}?watch=true");
        let ask = || administrator.ask("GET", &path, 0, "");
        let watch = cluster.namespace().run(ask)?;
        let status = cluster.stop()?;
        ensure!(status.success(), "skiff ended with {status}");
        let answer = rest_of(watch)?;
        ensure!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        ensure!(
            answer.ends_with("\r\n0\r\n\r\n"),
            "the watch was cut: {answer}"
        );
        Ok(())
    })
}

/// The cluster's administrator, by HTTP/1.1.
struct Administrator {
    tls: Arc<ClientConfig>,
    address: String,
}

impl Administrator {
    fn of(cluster: &Cluster) -> Result<Self> {
        let pem = |path: &str| -> Result<Vec<u8>> {
            let view = format!("config view --raw -o 'jsonpath={{{path}}}'");
            Ok(BASE64.decode(cluster.kubectl(&view)?.trim())?)
        };
        let mut roots = RootCertStore::empty();
        let authority = pem(".clusters[0].cluster.certificate-authority-data")?;
        roots.add(CertificateDer::from_pem_slice(&authority)?)?;
        let chain = pem(".users[0].user.client-certificate-data")?;
        let chain = CertificateDer::pem_slice_iter(&chain).collect::<Result<Vec<_>, _>>()?;
        let key = PrivateKeyDer::from_pem_slice(&pem(".users[0].user.client-key-data")?)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, key)?;
        Ok(Self {
            tls: Arc::new(tls),
            address: cluster.address().to_string(),
        })
    }

    /// Sends a request that says it has a body of so many bytes, and as much of that as there is.
    fn ask(&self, method: &str, path: &str, length: usize, body: &str) -> Result<Stream> {
        let tcp = TcpStream::connect((&*self.address, 6443)).context("connect")?;
        tcp.set_read_timeout(Some(ANSWERED_WITHIN))?;
        let name = ServerName::try_from(self.address.clone())?;
        let connection = ClientConnection::new(self.tls.clone(), name)?;
        let mut stream = StreamOwned::new(connection, tcp);
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        )?;
        stream.flush()?;
        Ok(stream)
    }
}

type Stream = StreamOwned<ClientConnection, TcpStream>;

/// All that is answered, until the connection ends.
fn rest_of(mut stream: Stream) -> Result<String> {
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        // TLS need not end in order: HTTP says itself where an answer ends.
        Err(error) if error.kind() != ErrorKind::UnexpectedEof => Err(error.into()),
        _ => Ok(String::from_utf8(answer)?),
    }
}
