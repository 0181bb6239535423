//! The loop: something changed, build the model, apply it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use ipnet::{IpNet, Ipv4Net};
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use skiff_client::{Index, Informer, Informers, ObjectKey};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::dataplane::{Dataplane, Ranges};
use crate::host;
use crate::ipvs::Ipvs;
use crate::model::Model;
use crate::nftables::Nftables;

/// The label by which an EndpointSlice names its Service.
const SERVICE_NAME: &str = "kubernetes.io/service-name";
/// How long to wait after the kernel refused, doubled each time.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LAST_RETRY: Duration = Duration::from_secs(60);

/// How Services reach the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// IPVS where the kernel has it, else nftables.
    Auto,
    /// Virtual servers of the kernel.
    Ipvs,
    /// Maps of nftables.
    Nftables,
}

/// What the proxy is told.
#[derive(Clone, Debug)]
pub struct Config {
    /// The node that it serves.
    pub node_name: String,
    /// The node's address, from which it speaks to Services.
    pub node_ip: std::net::IpAddr,
    /// Addresses of Pods in the whole cluster; IPv4.
    pub cluster_cidr: IpNet,
    /// Addresses of Services; IPv4.
    pub service_cidr: IpNet,
    /// How Services reach the kernel.
    pub mode: Mode,
}

/// Keeps the kernel true to Services and EndpointSlices until `shutdown`. The rules stay when it ends, so that
/// connections live on.
///
/// # Errors
/// If the mode cannot be had, or the host refuses to forward. What the kernel refuses later is tried again.
pub async fn run(
    config: Config,
    _client: kube::Client,
    informers: Informers,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let ranges = Ranges {
        cluster: ipv4(config.cluster_cidr)?,
        services: ipv4(config.service_cidr)?,
    };
    host::prepare(&config, &ranges).await?;
    let dataplane = choose(config.mode, ranges).await?;
    tracing::info!(mode = dataplane.name(), "proxy mode");
    let watched = Watched::new(&informers, config.node_name);
    let ready = async { tokio::join!(watched.services.ready(), watched.slices_ready.ready()) };
    // An incomplete model would take rules away that connections need.
    if shutdown.run_until_cancelled(ready).await.is_some() {
        shutdown
            .run_until_cancelled(keep_true(watched, dataplane))
            .await;
    }
    Ok(())
}

fn ipv4(range: IpNet) -> anyhow::Result<Ipv4Net> {
    match range {
        IpNet::V4(range) => Ok(range),
        IpNet::V6(range) => anyhow::bail!("{range} is not an IPv4 range"),
    }
}

async fn choose(mode: Mode, ranges: Ranges) -> anyhow::Result<Dataplane> {
    match mode {
        Mode::Nftables => Ok(Dataplane::Nftables(Nftables::new(ranges))),
        Mode::Ipvs => {
            Ok(Dataplane::Ipvs(Ipvs::open(ranges).await.context(
                "the kernel has no IPVS (modules ip_vs, ip_vs_rr)",
            )?))
        }
        Mode::Auto => match Ipvs::open(ranges).await {
            Ok(ipvs) => Ok(Dataplane::Ipvs(ipvs)),
            Err(why) => {
                tracing::debug!(
                    error = &why as &dyn std::error::Error,
                    "no IPVS, nftables instead"
                );
                Ok(Dataplane::Nftables(Nftables::new(ranges)))
            }
        },
    }
}

async fn keep_true(watched: Watched, mut dataplane: Dataplane) {
    let mut applied = None;
    let mut retry = FIRST_RETRY;
    loop {
        let model = watched.model();
        if applied.as_ref() != Some(&model) {
            match dataplane.apply(&model).await {
                Ok(()) => {
                    (applied, retry) = (Some(model), FIRST_RETRY);
                }
                Err(error) => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "rules not applied, trying again"
                    );
                    applied = None;
                    tokio::time::sleep(retry).await;
                    retry = (retry * 2).min(LAST_RETRY);
                    continue;
                }
            }
        }
        // Changes since the model was built have left their permit: none is missed, many are one.
        watched.changed.notified().await;
    }
}

struct Watched {
    node: String,
    services: Informer<Service>,
    slices_ready: Informer<EndpointSlice>,
    slices: Index<EndpointSlice>,
    changed: Arc<Notify>,
}

impl Watched {
    fn new(informers: &Informers, node: String) -> Self {
        let (services, slices_ready) =
            (informers.all::<Service>(), informers.all::<EndpointSlice>());
        let slices = slices_ready.index(|slice| service_of(slice).into_iter().collect());
        let changed = Arc::new(Notify::new());
        let (by_service, by_slice) = (changed.clone(), changed.clone());
        services.on_change(move |_| by_service.notify_one());
        slices_ready.on_change(move |_| by_slice.notify_one());
        Self {
            node,
            services,
            slices_ready,
            slices,
            changed,
        }
    }

    fn model(&self) -> Model {
        let services = self.services.list();
        let slices: Vec<_> = services
            .iter()
            .map(|service| self.slices.get(&ObjectKey::of(&**service).to_string()))
            .collect();
        let pairs = services.iter().zip(&slices);
        Model::build(
            pairs.map(|(service, slices)| {
                (&**service, slices.iter().map(|slice| &**slice).collect())
            }),
            &self.node,
        )
    }
}

fn service_of(slice: &EndpointSlice) -> Option<String> {
    let name = slice.metadata.labels.as_ref()?.get(SERVICE_NAME)?;
    Some(ObjectKey::new(slice.metadata.namespace.clone().unwrap_or_default(), name).to_string())
}
