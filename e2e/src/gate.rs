//! A second way to the test's registry, which a test can shut, slow down, or spoil what comes through.

use std::convert::Infallible;
use std::future::pending;
use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::cache::digest;
use crate::net::TestNet;

/// The port in the router's namespace, beside the registry's.
const PORT: u16 = 5001;
const LATE: Duration = Duration::from_millis(300);
const MOMENT: Duration = Duration::from_millis(10);
/// What is smaller is no layer, but the configuration of an image.
const LAYER_BYTES: usize = 16 << 10;
const INDEX_TYPE: &str = "application/vnd.oci.image.index.v1+json";

/// What happens to who asks for an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// The registry answers.
    Open,
    /// Nobody listens.
    Shut,
    /// Each answer comes a third of a second late.
    Slow,
    /// Nothing comes back.
    Stalled,
    /// A byte of each layer is wrong.
    BrokenLayers,
    /// Images are for another architecture alone.
    OtherArchitecture,
}

/// A gate before the registry: `--registry-mirror=NAME=http://{gateway}:5001` leads images of `NAME` through it.
#[derive(Debug)]
pub struct Gate {
    mood: Option<watch::Sender<Mood>>,
    keeper: Option<JoinHandle<Result<()>>>,
}

impl Gate {
    /// Opens the gate of a network.
    pub fn open(net: &TestNet) -> Result<Self> {
        let (mood, moods) = watch::channel(Mood::Open);
        let registry = format!("http://127.0.0.1:{}", net.registry_port());
        let keeper = net.router().start(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(keep(registry, moods))
        })?;
        Ok(Self {
            mood: Some(mood),
            keeper: Some(keeper),
        })
    }

    /// Changes what happens from now on; every connection is cut.
    pub fn becomes(&self, mood: Mood) {
        if let Some(sender) = &self.mood {
            sender.send_replace(mood);
        }
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.mood = None;
        let ended = self.keeper.take().map(JoinHandle::join);
        if let Some(Ok(Err(error))) = ended {
            eprintln!("the gate before the registry: {error:#}");
        }
    }
}

/// Serves until nobody can change the mood any more.
async fn keep(registry: String, mut moods: watch::Receiver<Mood>) -> Result<()> {
    loop {
        let mood = *moods.borrow_and_update();
        let serving = async {
            if mood == Mood::Shut {
                pending::<()>().await;
            }
            serve(&registry, mood).await
        };
        tokio::select! {
            served = serving => return served,
            changed = moods.changed() => if changed.is_err() {
                return Ok(());
            },
        }
    }
}

async fn serve(registry: &str, mood: Mood) -> Result<()> {
    let listener = listen().await?;
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await?;
        connections.spawn(answer(stream, registry.to_owned(), mood));
    }
}

/// A child of the test's that has not executed its program yet may hold the listener that was here before.
async fn listen() -> Result<TcpListener> {
    loop {
        match TcpListener::bind((Ipv4Addr::UNSPECIFIED, PORT)).await {
            Err(error) if error.kind() == ErrorKind::AddrInUse => sleep(MOMENT).await,
            bound => return Ok(bound?),
        }
    }
}

/// Answers the requests of one connection. Whoever goes away in the middle of one need not be told.
async fn answer(stream: TcpStream, registry: String, mood: Mood) {
    let client = Client::builder(TokioExecutor::new()).build(HttpConnector::new());
    let service = service_fn(|request| {
        let (client, registry) = (client.clone(), registry.clone());
        async move {
            let answered = pass(&client, &registry, mood, request).await;
            Ok::<_, Infallible>(answered.unwrap_or_else(|error| {
                let mut failed = Response::new(Full::from(format!("{error:#}")));
                *failed.status_mut() = StatusCode::BAD_GATEWAY;
                failed
            }))
        }
    });
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn pass(
    client: &Client<HttpConnector, Empty<Bytes>>,
    registry: &str,
    mood: Mood,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>> {
    match mood {
        Mood::Stalled => pending().await,
        Mood::Slow => sleep(LATE).await,
        Mood::OtherArchitecture => {
            if let Some(index) = foreign_index(request.uri().path())? {
                return Ok(index);
            }
        }
        Mood::Open | Mood::Shut | Mood::BrokenLayers => {}
    }
    let (mut parts, _) = request.into_parts();
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let is_blob = path.contains("/blobs/");
    parts.uri = format!("{registry}{path}").parse()?;
    parts.headers.remove(HOST);
    let answered = client
        .request(Request::from_parts(parts, Empty::new()))
        .await?;
    let (parts, body) = answered.into_parts();
    let mut body = body.collect().await?.to_bytes().to_vec();
    if mood == Mood::BrokenLayers && is_blob && body.len() > LAYER_BYTES {
        let middle = body.len() / 2;
        body[middle] ^= 1;
    }
    Ok(Response::from_parts(parts, Full::from(body)))
}

/// An index that names a manifest of another architecture alone; `None` for what is no index.
fn foreign_index(path: &str) -> Result<Option<Response<Full<Bytes>>>> {
    let index = json!({
        "schemaVersion": 2,
        "mediaType": INDEX_TYPE,
        "manifests": [{
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": format!("sha256:{}", digest(b"foreign")),
            "size": 7,
            "platform": {"os": "linux", "architecture": "s390x"},
        }],
    });
    let body = serde_json::to_vec(&index)?;
    let own = format!("sha256:{}", digest(&body));
    let is_asked = path
        .rsplit_once("/manifests/")
        .is_some_and(|(_, asked)| !asked.starts_with("sha256:") || asked == own);
    if !is_asked {
        return Ok(None);
    }
    let answer = Response::builder()
        .header(CONTENT_TYPE, INDEX_TYPE)
        .header(CONTENT_LENGTH, body.len())
        .header("Docker-Content-Digest", HeaderValue::from_str(&own)?);
    Ok(Some(answer.body(Full::from(body))?))
}
