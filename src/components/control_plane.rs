//! What only a machine of the control plane runs: API server, controllers, scheduler, cluster DNS, Ingresses.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Context;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use kube::Client;
use skiff_api::UserInfo;
use skiff_apiserver::ApiServer;
use skiff_client::{Clients, Election, Informers, in_process};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{Components, NodeParts};
use crate::config::Settings;
use crate::health::{self, Port};
use crate::kubeconfig;
use crate::pki::Pki;

/// Where cluster DNS listens on the node; the `kube-dns` Service leads there, for port 53 of the host may be taken.
const DNS_PORT: u16 = 10053;
/// Those of kube-controller-manager and kube-scheduler, on the loopback as kubeadm has them.
const HEALTH_PORTS: [(&str, u16); 2] = [
    ("controllers' health", CONTROLLERS_HEALTH_PORT),
    ("scheduler's health", SCHEDULER_HEALTH_PORT),
];
/// How long one of several control planes may be silent before others do its work, and its address leaves the `kubernetes`
/// Service: as kube-controller-manager's `--leader-elect-lease-duration`. A node is not waited for longer.
const LEASE: Duration = Duration::from_secs(15);
const CONTROLLERS_HEALTH_PORT: u16 = 10257;
const SCHEDULER_HEALTH_PORT: u16 = 10259;

impl Components {
    /// Starts them; each finds its own time to be ready. Returns what the node of this machine shares with them.
    pub(crate) fn start_control_plane(
        &mut self,
        settings: &Settings,
        pki: &Arc<Pki>,
        server: &ApiServer,
        listener: TcpListener,
    ) -> anyhow::Result<NodeParts> {
        let shutdown = self.clients.clone();
        let informers = Informers::new(client_of_informers(server), shutdown.clone());
        let as_user = |name: &str| client(server, UserInfo::new(name, ["system:authenticated"]));

        let (serving, token) = (server.clone(), self.server.clone());
        self.start("API server", async move {
            serving.serve(listener, token).await.context("serve")
        });
        let alone = |lease, user| Alone {
            election: lease_duration(settings).map(|duration| Election {
                client: as_user(user),
                informers: informers.clone(),
                lease,
                identity: format!("{}_{}", settings.node.node_name, settings.node.node_ip),
                duration,
            }),
            informers: informers.clone(),
            shutdown: shutdown.clone(),
        };
        let (config, speakers) = (controllers_config(settings, pki), clients(server));
        let only = alone("kube-controller-manager", "system:kube-controller-manager");
        self.start(
            "controllers",
            only.run(client_of_informers(server), move |informers, shutdown| {
                skiff_controllers::run(config.clone(), speakers.clone(), informers, shutdown)
            }),
        );
        let (config, speaker) = (
            skiff_scheduler::Config::default(),
            as_user("system:kube-scheduler"),
        );
        let only = alone("kube-scheduler", "system:kube-scheduler");
        self.start(
            "scheduler",
            only.run(client_of_informers(server), move |informers, shutdown| {
                skiff_scheduler::run(config.clone(), speaker.clone(), informers, shutdown)
            }),
        );
        self.start(
            "dns",
            skiff_dns::run(
                dns_config(settings),
                as_user("system:kube-dns"),
                informers.clone(),
                shutdown.clone(),
            ),
        );
        self.start(
            "ingress",
            skiff_ingress::run(
                ingress_config(settings),
                as_user("system:ingress"),
                informers.clone(),
                shutdown,
            ),
        );
        self.keep_fresh(pki.due(), renewing(settings, pki));
        let tls = health::acceptor(pki.apiserver(), &pki.ca_pem)?;
        for (name, port) in HEALTH_PORTS {
            let port = Port {
                address: SocketAddr::from(([127, 0, 0, 1], port)),
                tls: Some(tls.clone()),
                metrics: true,
            };
            self.start(name, health::serve(port, self.clients.clone()));
        }
        Ok(NodeParts {
            kubelet: client(server, node_user(&settings.node.node_name)),
            proxy: as_user("system:kube-proxy"),
            informers,
            role: Some("control-plane"),
            listen: settings.bind.ip(),
            tls: pki.kubelet(),
            ca_pem: pki.ca_pem.clone(),
        })
    }
}

/// What only one control plane of a cluster does at a time.
struct Alone {
    /// Among whom; none if there is one control plane.
    election: Option<Election>,
    informers: Informers,
    shutdown: CancellationToken,
}

impl Alone {
    /// Does the work, or waits for its turn. Its caches end with the turn, as those do who ask them.
    async fn run<W>(
        self,
        looks: Client,
        work: impl Fn(Informers, CancellationToken) -> W,
    ) -> anyhow::Result<()>
    where
        W: Future<Output = anyhow::Result<()>>,
    {
        let Some(election) = self.election else {
            return work(self.informers, self.shutdown).await;
        };
        let turn = |term: CancellationToken| {
            let informers = Informers::new(looks.clone(), term.clone());
            let working = work(informers.clone(), term);
            async move {
                let done = working.await;
                informers.stopped().await;
                done
            }
        };
        election.run(self.shutdown, turn).await
    }
}

/// How long this control plane may be silent, if there may be others.
fn lease_duration(settings: &Settings) -> Option<Duration> {
    let grace = settings.cluster.node_monitor_grace_period.unsigned_abs();
    // A Lease tells whole seconds, and all must go by the same.
    let whole = Duration::from_secs(LEASE.min(grace).as_secs().max(1));
    settings.etcd.as_ref().map(|_| whole)
}

/// A client with skiff's own rights, for what it writes down itself at start.
pub(crate) fn client_of_skiff(server: &ApiServer) -> Client {
    let user = UserInfo::new("system:skiff", ["system:masters", "system:authenticated"]);
    client(server, user)
}

/// A client that may look at everything: for the informers, which all components share, and to wait for the node.
pub(crate) fn client_of_informers(server: &ApiServer) -> Client {
    let user = UserInfo::new("system:kube-controller-manager", ["system:authenticated"]);
    client(server, user)
}

/// The clients of those who speak as several users.
fn clients(server: &ApiServer) -> Clients {
    let service = server.service();
    Arc::new(move |user| in_process(service.clone(), user))
}

fn client(server: &ApiServer, user: UserInfo) -> Client {
    in_process(server.service(), user)
}

fn node_user(node: &str) -> UserInfo {
    UserInfo::new(
        format!("system:node:{node}"),
        ["system:nodes", "system:authenticated"],
    )
}

pub(crate) fn apiserver_config(settings: &Settings, pki: &Pki) -> skiff_apiserver::Config {
    skiff_apiserver::Config {
        advertise: settings.node.node_ip,
        port: settings.bind.port(),
        server_lease: lease_duration(settings),
        tls: pki.apiserver(),
        client_ca_pem: pki.ca_pem.clone(),
        service_account_key_pem: pki.service_account_key_pem.clone(),
        kubelet_client: pki.apiserver_kubelet_client(),
        kubelet_ca_pem: pki.ca_pem.clone(),
        proxy_client: pki.front_proxy_client(),
        proxy_ca_pem: pki.front_proxy_ca_pem.clone(),
        node_signer: Some(pki.node_signer()),
        service_cidr: settings.cluster.service_cidr,
        node_ports: 30000..=32767,
        cluster_dns: settings.cluster.cluster_dns,
        cluster_domain: settings.cluster.cluster_domain.clone(),
    }
}

/// Renews the cluster's certificates that are due, and the administrator's kubeconfig with them.
fn renewing(
    settings: &Settings,
    pki: &Arc<Pki>,
) -> impl Fn() -> BoxFuture<'static, anyhow::Result<SystemTime>> + Send + Sync + use<> {
    let (settings, pki) = (Arc::new(settings.clone()), Arc::clone(pki));
    move || {
        let (settings, pki) = (Arc::clone(&settings), Arc::clone(&pki));
        let renewed = move || {
            pki.renew()?;
            kubeconfig::write(&settings, &pki)?;
            anyhow::Ok(pki.due())
        };
        // What is written is flushed, which takes its time on a busy disk.
        async move { tokio::task::spawn_blocking(renewed).await? }.boxed()
    }
}

fn controllers_config(settings: &Settings, pki: &Pki) -> skiff_controllers::Config {
    let mut config =
        skiff_controllers::Config::new(settings.cluster.cluster_cidr, pki.ca_pem.clone());
    config.signer = Some(pki.request_signer());
    let ingress = &settings.ingress;
    config.ingress_ports = [ingress.http_port, ingress.https_port]
        .into_iter()
        .flatten()
        .collect();
    config.node_monitor_grace = settings.cluster.node_monitor_grace_period.unsigned_abs();
    config
}

fn dns_config(settings: &Settings) -> skiff_dns::Config {
    skiff_dns::Config {
        listen: SocketAddr::new(settings.node.node_ip, DNS_PORT),
        cluster_dns: settings.cluster.cluster_dns,
        cluster_domain: settings.cluster.cluster_domain.clone(),
        resolv_conf: settings.node.resolv_conf.clone(),
    }
}

fn ingress_config(settings: &Settings) -> skiff_ingress::Config {
    let ingress = settings.ingress.clone();
    skiff_ingress::Config {
        class: ingress.class,
        http_port: ingress.http_port,
        https_port: ingress.https_port,
    }
}
