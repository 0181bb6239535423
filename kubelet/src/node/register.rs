//! Writes the Node object and its status.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, NodeCondition, NodeSpec, NodeStatus};
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::json;
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};

use super::describe::{self, Facts};
use super::pulse::Known;
use super::transitions;
use crate::pods::Context;
use crate::pressure::Pressure;
use crate::runtime::Runtime;

/// How often the status is written when nothing changes (nodeStatusReportFrequency).
const REPORT_EVERY: Duration = Duration::from_secs(300);
/// How long the API server may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// After a failure.
const AGAIN: Duration = Duration::from_secs(1);

/// What the status follows.
pub(super) struct Seen {
    /// Whether Pods can have a network.
    pub(super) network: watch::Receiver<bool>,
    pub(super) runtime: watch::Receiver<Known>,
    /// What the node is short of.
    pub(super) pressure: watch::Receiver<Pressure>,
    /// The Node, when somebody has deleted it.
    pub(super) deleted: watch::Receiver<Option<Arc<Node>>>,
    /// When the kubelet started, until users were told.
    pub(super) started: Option<Timestamp>,
}

fn api<R>(context: &Context<R>) -> Api<Node> {
    Api::all(context.host.objects.client.clone())
}

/// Makes the Node object, or brings the labels and status of the one there is up to date; tries until it succeeds.
///
/// `deleted` is the Node that somebody deleted: the new one gets its Pod addresses, for Pods that run have them.
pub(super) async fn register<R: Runtime>(
    context: &Context<R>,
    runtime: &watch::Receiver<Known>,
    deleted: Option<&Node>,
) {
    while let Err(error) = try_register(context, runtime, deleted).await {
        tracing::warn!(
            error = format!("{error:#}"),
            "node not registered, trying again"
        );
        sleep(AGAIN).await;
    }
}

async fn try_register<R: Runtime>(
    context: &Context<R>,
    runtime: &watch::Receiver<Known>,
    deleted: Option<&Node>,
) -> anyhow::Result<()> {
    let host = &context.host;
    let name = &host.config.node_name;
    let status = status(context, &runtime.borrow(), false, &[]);
    let mut node = describe::node((&host.config).into(), &host.machine, status);
    if let Some(old) = deleted.and_then(|node| node.spec.as_ref()) {
        node.spec = Some(NodeSpec {
            pod_cidr: old.pod_cidr.clone(),
            pod_cidrs: old.pod_cidrs.clone(),
            ..NodeSpec::default()
        });
    }
    match api(context).create(&PostParams::default(), &node).await {
        Ok(_) => return Ok(()),
        Err(kube::Error::Api(refused)) if refused.reason == "AlreadyExists" => {}
        Err(error) => return Err(error).context("create the Node"),
    }
    let labels = describe::labels((&host.config).into(), &host.machine);
    let labels = json!({ "metadata": { "labels": labels } });
    api(context)
        .patch(name, &PatchParams::default(), &Patch::Merge(labels))
        .await
        .context("label the Node")?;
    Ok(())
}

fn status<R>(
    context: &Context<R>,
    runtime: &Known,
    network_is_ready: bool,
    old: &[NodeCondition],
) -> NodeStatus {
    let host = &context.host;
    describe::status(&Facts {
        identity: (&host.config).into(),
        machine: &host.machine,
        runtime,
        network_is_ready,
        pressure: *context.pressure.borrow(),
        old,
        now: Timestamp::now(),
    })
}

/// Whether the control plane has taken the node for lost.
pub(super) fn is_doubted(node: &Node) -> bool {
    let conditions = node.status.iter().flat_map(|status| &status.conditions);
    conditions
        .flatten()
        .any(|one| one.type_ == "Ready" && one.status == "Unknown")
}

/// Writes the status when the network is ready, when the runtime goes down or comes back, when a `report` is due, and every
/// five minutes; registers the node again when it was deleted.
pub(super) async fn keep_status<R: Runtime>(
    context: &Context<R>,
    mut seen: Seen,
    report: &Notify,
) -> anyhow::Result<()> {
    let mut last: Option<bool> = None;
    loop {
        let is_ready = *seen.network.borrow_and_update();
        let runtime = seen.runtime.borrow_and_update().clone();
        seen.pressure.mark_unchanged();
        // A node that was ready before is not told to be unready while its network is set up again: Pods on it run on.
        let wait = match (is_ready, last) {
            (false, None) => REPORT_EVERY,
            _ => match in_time(write_status(context, &runtime, is_ready, seen.started)).await {
                Ok(()) => {
                    seen.started = None;
                    REPORT_EVERY
                }
                Err(error) => {
                    tracing::warn!(
                        error = format!("{error:#}"),
                        "node status not written, trying again"
                    );
                    AGAIN
                }
            },
        };
        last = Some(is_ready);
        tokio::select! {
            // All are cancel-safe; a change that is missed here is seen at the top.
            _ = seen.network.changed() => {}
            _ = seen.runtime.changed() => {}
            Ok(()) = seen.pressure.changed() => {}
            () = report.notified() => {}
            _ = seen.deleted.changed() => {
                let deleted = seen.deleted.borrow_and_update().clone();
                tracing::warn!("the Node was deleted, registering it again");
                register(context, &seen.runtime, deleted.as_deref()).await;
            }
            () = sleep(wait) => {}
        }
    }
}

/// A connection that a broken network has left behind must not hold it up: who drops a request drops its connection.
async fn in_time(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    match timeout(PATIENCE, work).await {
        Ok(done) => done,
        Err(_) => bail!("no answer in {} s", PATIENCE.as_secs()),
    }
}

async fn write_status<R: Runtime>(
    context: &Context<R>,
    runtime: &Known,
    network_is_ready: bool,
    started: Option<Timestamp>,
) -> anyhow::Result<()> {
    let api = api(context);
    let name = &context.host.config.node_name;
    let known = api.get(name).await.context("get the Node")?;
    let known = known.status.unwrap_or_default();
    let boot_id = known.node_info.unwrap_or_default().boot_id;
    let known = known.conditions.unwrap_or_default();
    let status = status(context, runtime, network_is_ready, &known);
    let patch = Patch::Strategic(json!({ "status": status }));
    api.patch_status(name, &PatchParams::default(), &patch)
        .await
        .context("write the Node's status")?;
    let new = status.conditions.unwrap_or_default();
    match started {
        Some(started) => transitions::introduce(&context.host, started, &boot_id, &known, &new),
        None => transitions::tell(&context.host, &known, &new),
    }
    Ok(())
}
