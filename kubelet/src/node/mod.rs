//! The Node object: registered, kept alive and told the truth about.
//!
//! ```text
//!   Machine (read once) ──► register ──► spec.podCIDR ──► Pod network ──► Ready
//!                 ▲             └──► status every 5 minutes or on change      lease every 10 s
//!                 └── deleted by somebody     └── taken for lost, or heard again; pressure, or the runtime, comes or goes
//! ```

pub(crate) mod describe;
pub(crate) mod lease;
mod network;
pub(crate) mod pulse;
mod register;
mod transitions;

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Node;
use skiff_client::{Change, Informers, ObjectKey};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::pods::Context;
use crate::runtime::Runtime;

use self::register::Seen;

pub(crate) use self::describe::allocatable;
pub use self::network::remove_network;

/// Keeps the Node object until `shutdown`. `network` is told when Pods can have one.
///
/// # Errors
/// If the Pod network cannot be set up.
pub(crate) async fn run<R: Runtime>(
    context: Arc<Context<R>>,
    informers: Informers,
    network: watch::Sender<bool>,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let started = Timestamp::now();
    let config = &context.host.config;
    let nodes = informers.all::<Node>();
    transitions::follow_cordon(&context.host, &nodes);
    let key = ObjectKey::cluster(config.node_name.clone());
    let (deleted, gone) = watch::channel(None);
    let own = key.clone();
    let report = Arc::new(Notify::new());
    let runtime = &*context.runtime;
    let doubted = report.clone();
    nodes.on_change(move |change| {
        let node = change.object();
        if ObjectKey::of(&**node) != own {
            return;
        }
        match change {
            Change::Deleted(_) => {
                deleted.send_replace(Some(node.clone()));
            }
            _ if register::is_doubted(node) => doubted.notify_one(),
            _ => {}
        }
    });
    let work = async {
        let (known, pulse) = watch::channel(pulse::first(runtime).await);
        register::register(&context, &pulse, None).await;
        let seen = Seen {
            network: network.subscribe(),
            runtime: pulse,
            pressure: context.pressure.clone(),
            deleted: gone,
            started: Some(started),
        };
        tokio::try_join!(
            async { network::set_up(&context, &nodes, &key, &network).await },
            async { register::keep_status(&context, seen, &report).await },
            async {
                pulse::watch(runtime, config.lease_duration, &known).await;
                Ok(())
            },
            async { lease::keep(&context, &nodes, &key, &report).await },
        )
    };
    match shutdown.run_until_cancelled(work).await {
        Some(Err(error)) => Err(error),
        _ => Ok(()),
    }
}
