//! From `skiff up` to a node that is Ready, as a client sees it.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde_json::Value;

use super::client::{ApiServer, Events};
use super::inside::Inside;
use super::options::{Load, Protocol};
use super::report::{Row, Target, Unit};
use super::statistics::{median, milliseconds};
use super::tell;
use crate::{Node, TestNet};

/// The milliseconds that a start shall take at most when images are there.
const TARGET_MS: f64 = 1000.0;
/// How long one waits between two tries to connect to a server that does not listen yet.
const BETWEEN_TRIES: Duration = Duration::from_millis(2);

/// Bounds a start.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// Starts of one kind: one value each round.
#[derive(Debug, Default)]
struct Starts {
    seen_ms: Vec<f64>,
    said_ms: Vec<f64>,
}

/// Measures the first start, on an empty data directory, and the second on the same one.
pub(super) fn measure(load: &Load) -> Result<Vec<Row>> {
    let net = TestNet::new()?;
    let (mut first, mut second) = (Starts::default(), Starts::default());
    for round in 1..=load.rounds {
        tell(&format!("ready, round {round} of {}", load.rounds));
        let mut node = net.node().prepare()?;
        first.add(&mut node)?;
        node.stop()?;
        second.add(&mut node)?;
    }
    Ok(vec![
        first.row("first start to a Ready node"),
        second.row("second start to a Ready node"),
    ])
}

impl Starts {
    fn add(&mut self, node: &mut Node) -> Result<()> {
        let inside = Inside::of(node.namespace())?;
        let kubeconfig = node.home().join("kubeconfig");
        let began = Instant::now();
        let seen = see_ready(kubeconfig, node.name().to_owned(), Timestamp::now());
        let seen = inside.start(async {
            let in_time = tokio::time::timeout(READY_WITHIN, seen).await;
            in_time.with_context(|| format!("the node is not Ready after {READY_WITHIN:?}"))?
        });
        node.up()?;
        let seen = inside.wait(seen)?;
        self.seen_ms.push(milliseconds(seen.duration_since(began)));
        self.said_ms.push(said_ms(&node.log()?)?);
        Ok(())
    }

    fn row(&self, what: &str) -> Row {
        Row::of_rounds(what, Unit::Milliseconds, &self.seen_ms)
            .target(Target::AtMost(TARGET_MS))
            .beside("skiff says", median(&self.said_ms))
    }
}

/// The moment at which the node was seen Ready by the word of a kubelet that lives since `started`.
async fn see_ready(kubeconfig: PathBuf, node: String, started: Timestamp) -> Result<Instant> {
    let (server, mut of_node) = watch_soon(&kubeconfig, &node).await;
    while !is_ready(&of_node.next().await?) {}
    // After a second start the node is Ready by the word of the first; its lease is not renewed.
    let leases = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases";
    let mut of_lease = watch(&server, leases, &node).await?;
    while !is_renewed(&of_lease.next().await?, started) {}
    Ok(Instant::now())
}

/// Watches the node as soon as there is a server: before that there is no event to wait for.
async fn watch_soon(kubeconfig: &Path, node: &str) -> (ApiServer, Events) {
    loop {
        let watching = async {
            let server = ApiServer::from_kubeconfig(kubeconfig, Protocol::Http2)?;
            let events = watch(&server, "/api/v1/nodes", node).await?;
            anyhow::Ok((server, events))
        };
        match watching.await {
            Ok(watching) => return watching,
            Err(_) => tokio::time::sleep(BETWEEN_TRIES).await,
        }
    }
}

/// Watches one object.
async fn watch(server: &ApiServer, collection: &str, name: &str) -> Result<Events> {
    let path = format!("{collection}?watch=true&fieldSelector=metadata.name%3D{name}");
    server.connect().await?.watch(&path).await
}

fn is_ready(node: &Value) -> bool {
    let conditions = node["status"]["conditions"]
        .as_array()
        .into_iter()
        .flatten();
    conditions
        .into_iter()
        .any(|one| one["type"] == "Ready" && one["status"] == "True")
}

fn is_renewed(lease: &Value, started: Timestamp) -> bool {
    let renewed = lease["spec"]["renewTime"]
        .as_str()
        .map(str::parse::<Timestamp>);
    matches!(renewed, Some(Ok(renewed)) if renewed >= started)
}

/// The time that the last `skiff is ready in` names, in milliseconds.
fn said_ms(log: &str) -> Result<f64> {
    let said = log
        .lines()
        .filter_map(|line| line.strip_prefix("skiff is ready in "))
        .next_back();
    let said = said.context("skiff did not say how long its start took")?;
    let (number, unit) = said
        .trim()
        .split_once(' ')
        .with_context(|| format!("no time: {said}"))?;
    let factor = if unit == "ms" { 1.0 } else { 1e3 };
    Ok(number.parse::<f64>()? * factor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_last_time_that_skiff_says_counts() {
        let log = "skiff is ready in 870 ms\nother\nskiff is ready in 1.25 s\n\n  export\n";
        assert_eq!(said_ms(log).ok(), Some(1250.0));
        assert_eq!(said_ms("skiff is ready in 870 ms\n").ok(), Some(870.0));
        assert!(said_ms("skiff is starting").is_err());
    }

    #[test]
    fn a_lease_of_the_former_life_does_not_count() {
        let started: Timestamp = "2026-01-01T00:00:10Z".parse().expect("a time");
        let cases = [
            (
                json!({ "spec": { "renewTime": "2026-01-01T00:00:09.999999Z" } }),
                false,
            ),
            (
                json!({ "spec": { "renewTime": "2026-01-01T00:00:10.000001Z" } }),
                true,
            ),
            (json!({ "spec": {} }), false),
        ];
        for (lease, expected) in cases {
            assert_eq!(is_renewed(&lease, started), expected, "{lease}");
        }
    }
}
