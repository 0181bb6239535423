//! `skiff trace`: the way of a Pod or a Service through the cluster, stage by stage.
//!
//! Each machine keeps the stamps of its own components; its kubelet hands them out, and here they become one waterfall.

mod waterfall;

use std::collections::BTreeSet;

use anyhow::{Context, ensure};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, Pod, Service};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt};
use skiff_api::trace::{Stage, Stamp};

use crate::cli::{TraceArgs, TraceOf};
use crate::kubeconfig;
use waterfall::{Step, waterfall};

/// Prints the waterfall.
///
/// # Errors
/// If there is no such object, or nothing is known of its way any more.
pub(crate) async fn trace(args: TraceArgs) -> anyhow::Result<()> {
    let kubeconfig = kubeconfig::of(&args.at.data_dir);
    let client = skiff_client::from_kubeconfig(&kubeconfig, "skiff").await?;
    let nodes = Api::<Node>::all(client.clone())
        .list(&ListParams::default())
        .await?;
    let cluster = Cluster {
        nodes: (nodes.iter().filter(|node| has_kubelet(node)))
            .map(ResourceExt::name_any)
            .collect(),
        client,
    };
    let (title, steps) = match args.of {
        TraceOf::Pod { name } => cluster.pod(&args.namespace, &name).await?,
        TraceOf::Service { name } => cluster.service(&args.namespace, &name).await?,
    };
    ensure!(
        !steps.is_empty(),
        "nothing is known of the way of {title} any more: each machine keeps its newest stamps, until skiff stops"
    );
    say!("{title}\n\n{}", waterfall(&steps));
    Ok(())
}

/// Where stamps are.
struct Cluster {
    client: Client,
    nodes: Vec<String>,
}

impl Cluster {
    async fn pod(&self, namespace: &str, name: &str) -> anyhow::Result<(String, Vec<Step>)> {
        let pod = Api::<Pod>::namespaced(self.client.clone(), namespace)
            .get(name)
            .await?;
        let mut steps = self.stamps(&[pod.uid().unwrap_or_default()]).await?;
        let services: BTreeSet<String> = steps
            .iter()
            .filter(|step| step.stamp.stage == Stage::InEndpoints)
            .map(|step| step.stamp.detail.clone())
            .collect();
        let status = pod.status.clone().unwrap_or_default();
        let address = status.pod_ip.unwrap_or_default();
        let of_pod = format!("{address}:");
        let mut in_kernel = self.stamps(&Vec::from_iter(services)).await?;
        in_kernel.retain(|step| {
            let Stamp { stage, detail, .. } = &step.stamp;
            *stage == Stage::InDataplane && detail.starts_with(&of_pod)
        });
        steps.extend(in_kernel);
        let node = pod.spec.and_then(|spec| spec.node_name).unwrap_or_default();
        let title = format!("Pod {namespace}/{name} on {node}, {address}");
        Ok((title, since(steps, pod.metadata.creation_timestamp)))
    }

    async fn service(&self, namespace: &str, name: &str) -> anyhow::Result<(String, Vec<Step>)> {
        let services = Api::<Service>::namespaced(self.client.clone(), namespace);
        let service = services.get(name).await?;
        let steps = self.stamps(&[format!("{namespace}/{name}")]).await?;
        let address = service
            .spec
            .and_then(|spec| spec.cluster_ip)
            .unwrap_or_default();
        let title = format!("Service {namespace}/{name}, {address}");
        Ok((title, since(steps, service.metadata.creation_timestamp)))
    }

    /// The stamps of these subjects on all machines that answer.
    async fn stamps(&self, subjects: &[String]) -> anyhow::Result<Vec<Step>> {
        if subjects.is_empty() {
            return Ok(Vec::new());
        }
        // Neither uids nor `namespace/name` have letters that a query would need to escape.
        let query: Vec<String> = subjects
            .iter()
            .map(|one| format!("subject={one}"))
            .collect();
        let mut steps = Vec::new();
        for node in &self.nodes {
            let path = format!("/api/v1/nodes/{node}/proxy/debug/trace?{}", query.join("&"));
            let request = http::Request::get(&path)
                .body(Vec::new())
                .context("the request")?;
            match self.client.request::<Vec<Stamp>>(request).await {
                Ok(stamps) => steps.extend(stamps.into_iter().map(|stamp| Step {
                    node: node.clone(),
                    stamp,
                })),
                Err(error) => eprintln!("skiff: {node} does not say what it did: {error}"),
            }
        }
        Ok(steps)
    }
}

/// Simulated nodes have none.
fn has_kubelet(node: &Node) -> bool {
    let status = node.status.as_ref();
    status.is_some_and(|status| status.daemon_endpoints.is_some())
}

/// Without those of an object or an address that had the same name before. The time of creation is in whole seconds.
fn since(mut steps: Vec<Step>, created: Option<Time>) -> Vec<Step> {
    let created = created.map_or(Timestamp::UNIX_EPOCH, |time| time.0);
    steps.retain(|step| step.stamp.at >= created);
    // Who acts hears of it after the store has told others: a later stage may be stamped a moment earlier.
    steps.sort_by_key(|step| (step.stamp.at, step.stamp.stage));
    steps
}
