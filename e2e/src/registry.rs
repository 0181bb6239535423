//! The image registry of the tests: Debian's `docker-registry` over a storage that is filled once.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, LOCATION};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use crate::cache::once;
use crate::images::{Image, all_images};
use crate::namespace::Namespace;
use crate::wait::eventually;

/// The port in its namespace, where no one else can have it.
const PORT: u16 = 5000;

/// A running registry, ended on drop.
#[derive(Debug)]
pub struct Registry {
    process: Child,
}

impl Registry {
    /// Starts a registry with all test images inside `namespace`; its configuration and log go to `dir`.
    pub fn start(namespace: &Namespace, dir: &Path) -> Result<Self> {
        serve(namespace, dir, &registry_storage()?)
    }

    /// The port it listens on, on every address of its namespace.
    pub fn port(&self) -> u16 {
        PORT
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The storage folder of a `docker-registry` that has every test image below `library/`.
pub fn registry_storage() -> Result<PathBuf> {
    let images = all_images()?;
    let made_from: Vec<_> = images.iter().map(|image| &image.layout).collect();
    once("registry", format!("{made_from:?}").as_bytes(), |storage| {
        let namespace = Namespace::create(&format!("skiff-e2e-push-{}", std::process::id()))?;
        let dir = tempfile::tempdir()?;
        let _registry = serve(&namespace, dir.path(), storage)?;
        namespace.run(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            let pusher = Pusher::new();
            for image in &images {
                runtime
                    .block_on(pusher.push(image))
                    .with_context(|| format!("push {}", image.name))?;
            }
            Ok(())
        })
    })
}

fn serve(namespace: &Namespace, dir: &Path, storage: &Path) -> Result<Registry> {
    let config = dir.join("registry.yml");
    fs::write(
        &config,
        format!(
            "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: :{PORT}\n",
            storage.display()
        ),
    )?;
    let log = fs::File::create(dir.join("registry.log"))?;
    let process = namespace
        .command("docker-registry")
        .arg("serve")
        .arg(&config)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .context("start docker-registry (a Debian package)")?;
    let registry = Registry { process };
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, PORT));
    eventually("the registry to listen", 20, || {
        namespace.run(|| {
            Ok(TcpStream::connect_timeout(
                &address,
                Duration::from_secs(1),
            )?)
        })
    })?;
    Ok(registry)
}

/// Speaks the push half of the registry's API, <https://github.com/opencontainers/distribution-spec>.
struct Pusher {
    client: Client<HttpConnector, Full<Bytes>>,
    base: String,
}

impl Pusher {
    fn new() -> Self {
        Self {
            client: Client::builder(TokioExecutor::new()).build(HttpConnector::new()),
            base: format!("http://127.0.0.1:{PORT}"),
        }
    }

    async fn push(&self, image: &Image) -> Result<()> {
        let (repository, tag) = &image.place;
        let index: Value = serde_json::from_slice(&fs::read(image.layout.join("index.json"))?)?;
        let manifest = read_blob(image, &index["manifests"][0]["digest"])?;
        let parsed: Value = serde_json::from_slice(&manifest)?;
        let layers = parsed["layers"].as_array().into_iter().flatten();
        for part in layers.chain([&parsed["config"]]) {
            self.push_blob(repository, image, &part["digest"]).await?;
        }
        let url = format!("{}/v2/{repository}/manifests/{tag}", self.base);
        let media_type = parsed["mediaType"].as_str().unwrap_or_default();
        self.send(Method::PUT, &url, media_type, manifest).await?;
        Ok(())
    }

    async fn push_blob(&self, repository: &str, image: &Image, digest: &Value) -> Result<()> {
        let url = format!("{}/v2/{repository}/blobs/uploads/", self.base);
        let started = self.send(Method::POST, &url, "", Vec::new()).await?;
        let place = started
            .headers()
            .get(LOCATION)
            .context("no place to upload to")?;
        let digest_text = digest.as_str().context("a part has a digest")?;
        let url = format!("{}&digest={digest_text}", place.to_str()?);
        let content = read_blob(image, digest)?;
        self.send(Method::PUT, &url, "application/octet-stream", content)
            .await?;
        Ok(())
    }

    async fn send(
        &self,
        method: Method,
        url: &str,
        media_type: &str,
        body: Vec<u8>,
    ) -> Result<Response<Incoming>> {
        let request = Request::builder()
            .method(method)
            .uri(url)
            .header(CONTENT_TYPE, media_type)
            .body(Full::from(body))?;
        let response = self.client.request(request).await?;
        let done = [StatusCode::CREATED, StatusCode::ACCEPTED].contains(&response.status());
        ensure!(done, "{url}: {}", response.status());
        Ok(response)
    }
}

fn read_blob(image: &Image, digest: &Value) -> Result<Vec<u8>> {
    let digest = digest.as_str().unwrap_or_default();
    let hash = digest.strip_prefix("sha256:").context("a SHA-256 digest")?;
    let path = image.layout.join("blobs/sha256").join(hash);
    fs::read(&path).with_context(|| format!("read {}", path.display()))
}
