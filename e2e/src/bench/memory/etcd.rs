//! etcd alone, where it is installed: a member of its own in the network of a node.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::{Request, header::HOST};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::bed::{Taken, on_disk, resident_mib};
use crate::Namespace;
use crate::bench::resources::Process;

/// Where it listens, on the loopback of its namespace.
const CLIENTS: &str = "127.0.0.1:2379";
const PEERS: &str = "http://127.0.0.1:2380";
/// How many put at a time.
const WRITERS: usize = 32;
/// Bounds its start.
const STARTED_WITHIN: Duration = Duration::from_secs(30);
const BETWEEN_TRIES: Duration = Duration::from_millis(50);

/// The first line of `etcd --version`; nothing where there is no etcd.
pub(in crate::bench) fn version() -> Option<String> {
    let output = Command::new("etcd").arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.lines().next().map(str::to_owned)
}

/// A member, which ends when this is dropped.
pub(super) struct Etcd {
    child: Child,
    dir: PathBuf,
}

impl Etcd {
    /// Starts it with an empty folder.
    pub(super) fn start(namespace: &Namespace, dir: &Path) -> Result<Self> {
        fs::create_dir_all(dir)?;
        let log = File::create(dir.with_extension("log"))?;
        let clients = format!("http://{CLIENTS}");
        let child = namespace
            .command("etcd")
            .arg("--data-dir")
            .arg(dir)
            .args(["--listen-client-urls", &clients])
            .args(["--advertise-client-urls", &clients])
            .args(["--listen-peer-urls", PEERS])
            .args(["--initial-advertise-peer-urls", PEERS])
            .args(["--initial-cluster", &format!("default={PEERS}")])
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("start etcd")?;
        let dir = dir.to_owned();
        Ok(Self { child, dir })
    }

    /// Puts each line of a file under a key of its own. To be called in the namespace of the member.
    pub(super) async fn put_all(values: PathBuf) -> Result<()> {
        let lines = BufReader::new(File::open(values)?).lines();
        let lines: Arc<Vec<String>> = Arc::new(lines.collect::<Result<_, _>>()?);
        let mut writing = JoinSet::new();
        for writer in 0..WRITERS {
            let mut client = Client::connect_soon().await?;
            let lines = Arc::clone(&lines);
            writing.spawn(async move {
                for (number, line) in lines.iter().enumerate().skip(writer).step_by(WRITERS) {
                    client.put(number, line).await?;
                }
                anyhow::Ok(())
            });
        }
        while let Some(written) = writing.join_next().await {
            written??;
        }
        Ok(())
    }

    /// What it takes.
    pub(super) fn taken(&self) -> Result<Taken> {
        Ok(Taken {
            resident_mib: resident_mib(&Process::of_id(self.child.id()))?,
            disk_bytes: on_disk(&self.dir)?,
        })
    }
}

impl Drop for Etcd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A client of its JSON gateway (<https://etcd.io/docs/v3.4/dev-guide/api_grpc_gateway/>).
struct Client {
    sender: SendRequest<Full<Bytes>>,
    _driver: JoinSet<()>,
}

impl Client {
    async fn connect_soon() -> Result<Self> {
        let began = Instant::now();
        loop {
            match TcpStream::connect(CLIENTS).await {
                Ok(stream) => return Self::of(stream).await,
                Err(error) if began.elapsed() > STARTED_WITHIN => {
                    return Err(error).context("etcd does not listen");
                }
                Err(_) => tokio::time::sleep(BETWEEN_TRIES).await,
            }
        }
    }

    async fn of(stream: TcpStream) -> Result<Self> {
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        let mut driver = JoinSet::new();
        driver.spawn(async { drop(connection.await) });
        Ok(Self {
            sender,
            _driver: driver,
        })
    }

    async fn put(&mut self, number: usize, value: &str) -> Result<()> {
        let key = format!("/registry/core/pods/default/shop-{number:06}");
        let put = json!({ "key": BASE64.encode(key), "value": BASE64.encode(value) });
        let request = Request::post("/v3/kv/put")
            .header(HOST, CLIENTS)
            .body(Full::new(Bytes::from(put.to_string())))?;
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        let status = response.status();
        let said = response.into_body().collect().await?.to_bytes();
        ensure!(
            status.is_success(),
            "etcd: {status}: {}",
            String::from_utf8_lossy(&said)
        );
        Ok(())
    }
}
