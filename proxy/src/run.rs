//! The loop: something changed, bring the kernel to it.

use std::path::Path;
use std::time::Duration;

use ipnet::{IpNet, Ipv4Net};
use k8s_openapi::api::core::v1::{ConfigMap, ObjectReference};
use kube::Api;
use skiff_client::EventType::Warning;
use skiff_client::{Informers, ObjectKey, Recorder, recorder};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::config::{self, Config, Settings};
use crate::dataplane::{Dataplane, DataplaneError, Ranges};
use crate::health_check::HealthChecks;
use crate::host;
use crate::mode::{Chosen, choose, remove_others};
use crate::model::Model;
use crate::netfilter::{Conntrack, Monitor, Trouble, datagram_fronts};
use crate::nftables::Loader;
use crate::policy;
use crate::service_ranges::{ServiceRanges, together};
use crate::trace;
use crate::watched::Watched;

/// How long to wait after the kernel refused, doubled each time.
/// After routes that were not made.
const LEAD_AGAIN: Duration = Duration::from_secs(5);
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LAST_RETRY: Duration = Duration::from_secs(60);
/// The reason of the event when a mode cannot be had.
const FALLBACK: &str = "FallbackProxyMode";
/// The least time between two repairs: somebody else may take rules away for as long as we put them back.
const REPAIR_PAUSE: Duration = Duration::from_secs(1);

/// Keeps the kernel true to Services and EndpointSlices until `shutdown`. The rules stay when it ends, so that
/// connections live on.
///
/// # Errors
/// If the mode cannot be had, or the host refuses to forward. What the kernel refuses later is tried again.
pub async fn run(
    config: Config,
    client: kube::Client,
    informers: Informers,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let std::net::IpAddr::V4(node) = config.node_ip else {
        anyhow::bail!("the node's address {} is not IPv4", config.node_ip);
    };
    let own = ipv4(config.service_cidr)?;
    let cluster = ipv4(config.cluster_cidr)?;
    let service_ranges = ServiceRanges::new(&informers, own, [cluster, node.into()]);
    let ranges = Ranges {
        node,
        cluster,
        // Until ServiceCIDRs are known.
        services: together(own, host::noted_ranges(&config.data_dir)?),
        node_ports: Vec::new(),
    };
    host::prepare(&ranges, &config.data_dir).await?;
    let (recorder, events) = recorder(client.clone(), config::NAME, Some(&config.node_name));
    let loader = Loader::default();
    let policies = policy::run(informers.clone(), config.node_name.clone(), loader.clone());
    let serving = async {
        let ranges = (ranges, service_ranges);
        let serving = serve(config, ranges, client, informers, recorder, loader);
        let served = shutdown.run_until_cancelled(serving).await;
        served.unwrap_or(Ok(()))
    };
    // Told to end, or without Services served, neither has anything left to do.
    let over = shutdown.child_token();
    let work = async {
        let served = tokio::select! {
            served = serving => served,
            () = policies => Ok(()),
        };
        over.cancel();
        served
    };
    let (served, ()) = tokio::join!(work, events.run(over.clone()));
    served
}

fn ipv4(range: IpNet) -> anyhow::Result<Ipv4Net> {
    match range {
        IpNet::V4(range) => Ok(range),
        IpNet::V6(range) => anyhow::bail!("{range} is not an IPv4 range"),
    }
}

async fn serve(
    config: Config,
    (ranges, service_ranges): (Ranges, ServiceRanges),
    client: kube::Client,
    informers: Informers,
    recorder: Recorder,
    loader: Loader,
) -> anyhow::Result<()> {
    let watched = Watched::new(&informers, config.node_name.clone());
    let maps = informers.one::<ConfigMap>(config::NAMESPACE, config::NAME);
    let map_changed = std::sync::Arc::new(Notify::new());
    let changed = map_changed.clone();
    maps.on_change(move |_| changed.notify_one());
    tokio::join!(watched.ready(), maps.ready());
    let key = ObjectKey::new(config::NAMESPACE, config::NAME);
    if maps.get(&key).is_none() {
        let api = Api::<ConfigMap>::namespaced(client, config::NAMESPACE);
        if let Err(error) = api
            .create(&Default::default(), &config::first(&config))
            .await
        {
            // A machine that joined may not make it, and needs not.
            tracing::debug!(
                error = &error as &dyn std::error::Error,
                "no ConfigMap kube-proxy made"
            );
        }
    }
    let first = Settings::new(config.mode);
    let settings = || maps.get(&key).map(|map| Settings::read(&map));
    let told = settings().and_then(Result::ok);
    let mut proxy = Proxy::start(told.unwrap_or(first), ranges, loader.clone(), recorder).await?;
    let monitor = Monitor::open(loader);
    if let Err(error) = &monitor {
        tracing::warn!(%error, "rules that others remove stay away");
    }
    loop {
        watched.update(&mut proxy.model);
        let again = proxy.bring_up_to_date().await;
        // All arms are cancel-safe.
        tokio::select! {
            () = watched.changed() => {}
            () = tokio::time::sleep_until(again.unwrap_or_else(Instant::now)), if again.is_some() => {}
            trouble = trouble(&monitor) => proxy.repair(trouble).await,
            () = service_ranges.changed() => proxy.lead(service_ranges.all(), &config.data_dir).await,
            () = tokio::time::sleep(LEAD_AGAIN), if !proxy.is_led => proxy.lead(service_ranges.all(), &config.data_dir).await,
            () = map_changed.notified() => match settings() {
                Some(Ok(settings)) => proxy.switch(settings).await,
                Some(Err(why)) => {
                    tracing::warn!(why, "the ConfigMap kube-proxy is not understood");
                    proxy.tell("InvalidConfiguration", why);
                }
                // Without it everything stays as it is.
                None => {}
            },
        }
    }
}

async fn trouble(monitor: &std::io::Result<Monitor>) -> Trouble {
    if let Ok(monitor) = monitor {
        match monitor.trouble().await {
            Ok(trouble) => return trouble,
            Err(error) => tracing::warn!(%error, "the kernel tells no news of rules any more"),
        }
    }
    std::future::pending().await
}

/// The dataplane at work.
struct Proxy {
    ranges: Ranges,
    loader: Loader,
    recorder: Recorder,
    settings: Settings,
    /// Whether the ranges of Services have their routes.
    is_led: bool,
    dataplane: Box<dyn Dataplane>,
    conntrack: Option<Conntrack>,
    health_checks: HealthChecks,
    model: Model,
    /// What the kernel was brought to last.
    applied: Option<Model>,
    /// Whether the kernel has it still; after a failure it may have something else.
    is_whole: bool,
    retry: Duration,
    repaired: Option<Instant>,
}

impl Proxy {
    async fn start(
        settings: Settings,
        mut ranges: Ranges,
        loader: Loader,
        recorder: Recorder,
    ) -> anyhow::Result<Self> {
        ranges.node_ports.clone_from(&settings.node_ports);
        let Chosen { dataplane, instead } = choose(&settings, &ranges, &loader).await?;
        tracing::info!(mode = dataplane.name(), "proxy mode");
        if let Err(error) = remove_others(dataplane.name(), &ranges, &loader).await {
            report(&error);
        }
        let conntrack = Conntrack::open();
        if let Err(error) = &conntrack {
            tracing::warn!(%error, "clients of UDP may not follow a change of endpoints");
        }
        let mut proxy = Self {
            ranges,
            loader,
            recorder,
            settings,
            is_led: true,
            dataplane,
            conntrack: conntrack.ok(),
            health_checks: HealthChecks::default(),
            model: Model::default(),
            applied: None,
            is_whole: false,
            retry: FIRST_RETRY,
            repaired: None,
        };
        if let Some(instead) = instead {
            proxy.tell(FALLBACK, instead);
        }
        proxy.let_pods_through().await;
        Ok(proxy)
    }

    /// Returns when to try again, if the kernel refused.
    async fn bring_up_to_date(&mut self) -> Option<Instant> {
        if self.is_whole && self.applied.as_ref() == Some(&self.model) {
            return None;
        }
        match self.dataplane.apply(&self.model).await {
            Ok(()) => {
                self.forget_datagrams().await;
                self.health_checks.set(&self.model).await;
                trace::applied(self.applied.as_ref(), &self.model);
                (self.applied, self.is_whole) = (Some(self.model.clone()), true);
                self.retry = FIRST_RETRY;
                None
            }
            Err(error) => {
                report(&error);
                self.is_whole = false;
                self.dataplane.forget();
                let again = Instant::now() + self.retry;
                self.retry = (self.retry * 2).min(LAST_RETRY);
                Some(again)
            }
        }
    }

    /// IPVS does this itself (`expire_nodest_conn`).
    async fn forget_datagrams(&self) {
        let none = Model::default();
        let applied = self.applied.as_ref().unwrap_or(&none);
        let fronts = datagram_fronts(&self.model.changes_since(applied));
        let Some(conntrack) = self.conntrack.as_ref().filter(|_| !fronts.is_empty()) else {
            return;
        };
        match conntrack.forget(&fronts).await {
            Ok(0) => {}
            Ok(connections) => tracing::debug!(connections, "stale datagram connections forgotten"),
            Err(error) => tracing::warn!(%error, "stale datagram connections are left"),
        }
    }

    async fn repair(&mut self, trouble: Trouble) {
        match trouble {
            Trouble::Forward => self.let_pods_through().await,
            Trouble::RulesGone => {
                if let Some(repaired) = self.repaired {
                    tokio::time::sleep_until(repaired + REPAIR_PAUSE).await;
                }
                tracing::warn!("somebody removed rules of Services, putting them back");
                self.dataplane.forget();
                self.is_whole = false;
                self.repaired = Some(Instant::now());
                self.let_pods_through().await;
            }
        }
    }

    async fn let_pods_through(&mut self) {
        if let Err(error) = host::let_pods_through(&self.ranges, &self.loader).await {
            report(&error);
        }
    }

    async fn switch(&mut self, settings: Settings) {
        if self.settings == settings {
            return;
        }
        self.ranges.node_ports.clone_from(&settings.node_ports);
        self.change(settings).await;
    }

    /// Services have addresses of these ranges from now on.
    async fn lead(&mut self, services: Vec<Ipv4Net>, data_dir: &Path) {
        if self.is_led && self.ranges.services == services {
            return;
        }
        let are_new = self.ranges.services != services;
        self.ranges.services = services;
        let led = host::lead_services_here(&self.ranges, data_dir).await;
        self.is_led = led.is_ok();
        if let Err(error) = led {
            let error = &*error as &dyn std::error::Error;
            tracing::error!(error, "addresses of Services not led here, trying again");
        }
        if are_new {
            self.change(self.settings.clone()).await;
        }
    }

    /// Serves by these settings, and the ranges as they are now.
    async fn change(&mut self, settings: Settings) {
        match choose(&settings, &self.ranges, &self.loader).await {
            Ok(Chosen { dataplane, instead }) => {
                if let Some(instead) = instead {
                    self.tell(FALLBACK, instead);
                }
                tracing::info!(mode = dataplane.name(), "proxy mode");
                if dataplane.name() != self.dataplane.name()
                    && let Err(error) = self.dataplane.remove().await
                {
                    report(&error);
                }
                self.dataplane = dataplane;
                self.settings = settings;
                self.is_whole = false;
            }
            Err(error) => {
                report(&error);
                self.tell("FailedProxyMode", error.to_string());
            }
        }
    }

    /// Tells the user at the ConfigMap.
    fn tell(&self, reason: &str, message: String) {
        let object = ObjectReference {
            api_version: Some("v1".to_owned()),
            kind: Some("ConfigMap".to_owned()),
            namespace: Some(config::NAMESPACE.to_owned()),
            name: Some(config::NAME.to_owned()),
            ..ObjectReference::default()
        };
        self.recorder.event(&object, Warning, reason, message);
    }
}

fn report(error: &DataplaneError) {
    let error = error as &dyn std::error::Error;
    tracing::error!(error, "rules not applied");
}
