//! The components: what each is told, whom it speaks as, and who sees it end.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use kube::Client;
use skiff_api::UserInfo;
use skiff_apiserver::ApiServer;
use skiff_client::{Informers, in_process};
use skiff_kubelet::Containerd;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::config::{ProxyMode, Settings};
use crate::pki::{Identity, Pki};

/// Where cluster DNS listens on the node; the `kube-dns` Service leads there, for port 53 of the host may be taken.
const DNS_PORT: u16 = 10053;
const KUBELET_PORT: u16 = 10250;
const KUBELET_HEALTH_PORT: u16 = 10248;

/// The running components.
pub(crate) struct Components {
    tasks: JoinSet<(&'static str, anyhow::Result<()>)>,
    /// Ends the components, which are clients of the API server.
    clients: CancellationToken,
    /// Ends the API server, after its clients.
    server: CancellationToken,
}

impl Components {
    pub(crate) fn new() -> Self {
        Self {
            tasks: JoinSet::new(),
            clients: CancellationToken::new(),
            server: CancellationToken::new(),
        }
    }

    /// Starts all of them; each finds its own time to be ready.
    pub(crate) fn start_all(
        &mut self,
        settings: &Settings,
        pki: &Pki,
        server: &ApiServer,
        listener: TcpListener,
        runtime: Arc<Containerd>,
    ) {
        let shutdown = self.clients.clone();
        let informers = Informers::new(client_of_skiff(server), shutdown.clone());
        let as_user = |name: &str| client(server, UserInfo::new(name, ["system:authenticated"]));

        let (serving, token) = (server.clone(), self.server.clone());
        self.start("API server", async move {
            serving.serve(listener, token).await.context("serve")
        });
        self.start(
            "controllers",
            skiff_controllers::run(
                controllers_config(settings, pki),
                as_user("system:kube-controller-manager"),
                informers.clone(),
                shutdown.clone(),
            ),
        );
        self.start(
            "scheduler",
            skiff_scheduler::run(
                skiff_scheduler::Config::default(),
                as_user("system:kube-scheduler"),
                informers.clone(),
                shutdown.clone(),
            ),
        );
        self.start(
            "kubelet",
            skiff_kubelet::run(
                kubelet_config(settings, pki),
                runtime,
                client(server, node_user(&settings.node_name)),
                informers.clone(),
                shutdown.clone(),
            ),
        );
        self.start(
            "proxy",
            skiff_proxy::run(
                proxy_config(settings),
                as_user("system:kube-proxy"),
                informers.clone(),
                shutdown.clone(),
            ),
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
        self.start("informers", async move {
            shutdown.cancelled().await;
            informers.stopped().await;
            Ok(())
        });
    }

    /// Waits until a component ends by itself, which none should.
    pub(crate) async fn failed(&mut self) -> anyhow::Error {
        match self.tasks.join_next().await {
            Some(Ok((name, Ok(())))) => anyhow!("{name} ended"),
            Some(Ok((name, Err(error)))) => error.context(name),
            Some(Err(panicked)) => anyhow!(panicked).context("a component panicked"),
            None => anyhow!("no component runs"),
        }
    }

    /// Ends the clients of the API server, then the API server; what is not done in time is dropped.
    ///
    /// # Errors
    /// If a component failed on its way out.
    pub(crate) async fn stop(mut self, deadline: Duration) -> anyhow::Result<()> {
        self.clients.cancel();
        let until = tokio::time::Instant::now() + deadline;
        let mut outcome = Ok(());
        while let Ok(Some(ended)) = tokio::time::timeout_at(until, self.tasks.join_next()).await {
            outcome = outcome.and(match ended {
                Ok((name, result)) => result.context(name),
                Err(panicked) => Err(anyhow!(panicked).context("a component panicked")),
            });
            if self.tasks.len() == 1 {
                self.server.cancel();
            }
        }
        if !self.tasks.is_empty() {
            tracing::warn!(left = self.tasks.len(), "components did not end in time");
        }
        self.tasks.shutdown().await;
        outcome
    }

    fn start(
        &mut self,
        name: &'static str,
        work: impl Future<Output = anyhow::Result<()>> + Send + 'static,
    ) {
        self.tasks.spawn(async move { (name, work.await) });
    }
}

/// A client with skiff's own rights: for the informers, which all components share, and to wait for the node.
pub(crate) fn client_of_skiff(server: &ApiServer) -> Client {
    client(
        server,
        UserInfo::new("system:skiff", ["system:masters", "system:authenticated"]),
    )
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
    let identity = |of: &Identity| skiff_apiserver::Identity {
        certificate_pem: of.cert_pem.clone(),
        key_pem: of.key_pem.clone(),
    };
    skiff_apiserver::Config {
        advertise: settings.node_ip,
        port: settings.bind.port(),
        tls: identity(&pki.apiserver),
        client_ca_pem: pki.ca_pem.clone(),
        service_account_key_pem: pki.service_account_key_pem.clone(),
        kubelet_client: identity(&pki.apiserver_kubelet_client),
        kubelet_ca_pem: pki.ca_pem.clone(),
        service_cidr: settings.service_cidr,
        node_ports: 30000..=32767,
        cluster_dns: settings.cluster_dns,
        cluster_domain: settings.cluster_domain.clone(),
    }
}

fn controllers_config(settings: &Settings, pki: &Pki) -> skiff_controllers::Config {
    skiff_controllers::Config::new(settings.cluster_cidr, pki.ca_pem.clone())
}

fn kubelet_config(settings: &Settings, pki: &Pki) -> skiff_kubelet::Config {
    skiff_kubelet::Config {
        node_name: settings.node_name.clone(),
        node_ip: settings.node_ip,
        data_dir: settings.data_dir.clone(),
        cluster_dns: settings.cluster_dns,
        cluster_domain: settings.cluster_domain.clone(),
        resolv_conf: settings.resolv_conf.clone(),
        cluster_cidr: settings.cluster_cidr,
        labels: BTreeMap::from([(
            "node-role.kubernetes.io/control-plane".to_owned(),
            String::new(),
        )]),
        server_bind: SocketAddr::new(settings.bind.ip(), KUBELET_PORT),
        healthz_bind: SocketAddr::from(([127, 0, 0, 1], KUBELET_HEALTH_PORT)),
        tls: skiff_kubelet::Identity {
            cert_pem: pki.kubelet.cert_pem.clone(),
            key_pem: pki.kubelet.key_pem.clone(),
        },
        client_ca_pem: pki.ca_pem.clone(),
        max_pods: 110,
    }
}

fn proxy_config(settings: &Settings) -> skiff_proxy::Config {
    skiff_proxy::Config {
        node_name: settings.node_name.clone(),
        node_ip: settings.node_ip,
        cluster_cidr: settings.cluster_cidr,
        service_cidr: settings.service_cidr,
        mode: match settings.proxy_mode {
            ProxyMode::Auto => skiff_proxy::Mode::Auto,
            ProxyMode::Ipvs => skiff_proxy::Mode::Ipvs,
            ProxyMode::Nftables => skiff_proxy::Mode::Nftables,
        },
    }
}

fn dns_config(settings: &Settings) -> skiff_dns::Config {
    skiff_dns::Config {
        listen: SocketAddr::new(settings.node_ip, DNS_PORT),
        cluster_dns: settings.cluster_dns,
        cluster_domain: settings.cluster_domain.clone(),
        resolv_conf: settings.resolv_conf.clone(),
    }
}
