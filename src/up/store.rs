//! The store of a control plane: in its data directory, or in etcd.

use std::time::Duration;

use anyhow::{Context, bail};
use skiff_store::{EtcdEngine, EtcdOptions, OpenError, Options, SledEngine, SledOptions, Store};
use tokio::time::{Instant, sleep};

use crate::config::{EtcdSettings, Settings};
use crate::data_dir::DataDir;

/// How long etcd may take to answer for the first time: when all machines start together, it has no quorum at first.
const PATIENCE: Duration = Duration::from_secs(120);
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Opens it.
///
/// # Errors
/// When it cannot be read, or etcd does not answer for two minutes.
pub(super) async fn open(settings: &Settings, data: &DataDir) -> anyhow::Result<Store> {
    match &settings.etcd {
        None => embedded(data),
        Some(etcd) => in_etcd(etcd).await,
    }
}

fn embedded(data: &DataDir) -> anyhow::Result<Store> {
    let dir = data.join("store");
    let engine = SledEngine::open(&dir, SledOptions::default())
        .with_context(|| format!("open the store {}", dir.display()))?;
    Store::open(Box::new(engine), Options::default()).context("load the store")
}

async fn in_etcd(etcd: &EtcdSettings) -> anyhow::Result<Store> {
    let options = EtcdOptions {
        endpoints: etcd.servers.clone(),
        prefix: etcd.prefix.clone(),
        ca: etcd.cafile.clone(),
        cert: etcd.certfile.clone(),
        key: etcd.keyfile.clone(),
        ..EtcdOptions::default()
    };
    let until = Instant::now() + PATIENCE;
    loop {
        match EtcdEngine::open(options.clone()).await {
            Ok(engine) => {
                return Store::open(Box::new(engine), Options::default()).context("load the store");
            }
            Err(OpenError::Etcd { field, problem }) => bail!("{}: {problem}", flag(field)),
            Err(error @ OpenError::Engine { .. }) if Instant::now() < until => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(servers = ?etcd.servers, error, "etcd does not answer, waiting on");
            }
            Err(error) => return Err(error).context("open the store in etcd"),
        }
        sleep(LOOK_AGAIN).await;
    }
}

/// The flag that an option of the engine comes from.
fn flag(field: &str) -> &'static str {
    match field {
        "ca" => "--etcd-cafile",
        "cert" => "--etcd-certfile",
        "key" => "--etcd-keyfile",
        "prefix" => "--etcd-prefix",
        _ => "--etcd-servers",
    }
}
