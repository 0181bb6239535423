//! The loop: something changed, make the table, answer by it.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::networking::v1::Ingress;
use kube::Client;
use parking_lot::Mutex;
use skiff_client::{
    Informer, Informers, Next, ObjectKey, WorkQueue, api_servers, insist, reconcile_queue,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::forward::Site;
use crate::listen::Listeners;
use crate::plan::Seen;
use crate::watched::Watched;
use crate::{class, plan, status};

/// How long requests under way may take when we end.
const DRAIN: Duration = Duration::from_secs(5);

/// What serves Ingresses is told.
#[derive(Clone, Debug)]
pub struct Config {
    /// The IngressClass that it makes, and that Ingresses without a class get. Other classes with the same controller are
    /// served as well.
    pub class: String,
    /// The port of HTTP, on all addresses of the node; none for no HTTP.
    pub http_port: Option<u16>,
    /// The port of HTTPS.
    pub https_port: Option<u16>,
}

/// Serves Ingresses until `shutdown`, then lets requests under way end. The ports are open while there are any.
///
/// # Errors
/// If an address to listen on is taken.
pub async fn run(
    config: Config,
    client: Client,
    informers: Informers,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let made = insist("make the IngressClass", || {
        class::make(&client, &config.class)
    });
    if shutdown.run_until_cancelled(made).await.is_none() {
        return Ok(());
    }
    let watched = Watched::new(&informers);
    if shutdown
        .run_until_cancelled(watched.ready())
        .await
        .is_none()
    {
        return Ok(());
    }
    let addresses = Addresses {
        client,
        servers: api_servers(&informers),
        ingresses: watched.ingresses.clone(),
        ours: Arc::default(),
        queue: WorkQueue::new(),
    };
    let site = Arc::new(Site::new());
    let mut listeners = Listeners::new(config.http_port, config.https_port, site.clone());
    let serving = serve(watched, &site, &mut listeners, &addresses);
    let (served, said) = tokio::join!(
        shutdown.run_until_cancelled(serving),
        addresses.write(shutdown.clone())
    );
    listeners.close();
    drain(&site).await;
    served.unwrap_or(Ok(())).and(said)
}

async fn serve(
    mut watched: Watched,
    site: &Site,
    listeners: &mut Listeners,
    addresses: &Addresses,
) -> anyhow::Result<()> {
    let mut servers = addresses.servers.clone();
    loop {
        let seen = watched.seen().await;
        site.reload(plan::table(&seen));
        match seen.ingresses.is_empty() {
            true => listeners.close(),
            false => listeners.open().await?,
        }
        addresses.are_for(&seen);
        // Changes since then have left their permit: none is missed, many are one.
        tokio::select! { () = watched.changed.notified() => {}, Ok(()) = servers.changed() => {} }
    }
}

async fn drain(site: &Site) {
    site.tasks.close();
    if tokio::time::timeout(DRAIN, site.tasks.wait())
        .await
        .is_err()
    {
        site.cut.cancel();
    }
}

/// Keeps the addresses in the status of our Ingresses: each machine with an API server serves them.
struct Addresses {
    client: Client,
    servers: watch::Receiver<BTreeSet<SocketAddr>>,
    ingresses: Informer<Ingress>,
    ours: Arc<Mutex<BTreeSet<String>>>,
    queue: WorkQueue<ObjectKey>,
}

impl Addresses {
    fn are_for(&self, seen: &Seen) {
        let keys: Vec<ObjectKey> = seen
            .ingresses
            .iter()
            .map(|one| ObjectKey::of(&**one))
            .collect();
        *self.ours.lock() = keys.iter().map(ToString::to_string).collect();
        for key in keys {
            self.queue.add(key);
        }
    }

    async fn write(&self, shutdown: CancellationToken) -> anyhow::Result<()> {
        reconcile_queue("ingress status", self.queue.clone(), 1, shutdown, |key| {
            let ingress = self.ingresses.get(&key);
            let ingress = ingress.filter(|_| self.ours.lock().contains(&key.to_string()));
            let client = self.client.clone();
            let servers = self.servers.borrow();
            let addresses: Vec<IpAddr> = servers.iter().map(SocketAddr::ip).collect();
            async move {
                if let Some(ingress) = ingress.filter(|_| !addresses.is_empty()) {
                    status::write(&client, &ingress, &addresses).await?;
                }
                Ok(Next::Done)
            }
        })
        .await
    }
}
