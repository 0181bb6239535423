//! What Pods use, as metrics.k8s.io says.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use skiff_api::Quantity;

use super::path::{self, Query};
use super::{Read, Reading, Source, ask};

/// A list of PodMetrics (metrics.k8s.io/v1beta1).
#[derive(Deserialize)]
struct PodMetricsList {
    items: Vec<PodMetrics>,
}

#[derive(Deserialize)]
struct PodMetrics {
    metadata: Named,
    timestamp: Timestamp,
    window: String,
    containers: Vec<ContainerMetrics>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

#[derive(Deserialize)]
struct ContainerMetrics {
    name: String,
    usage: HashMap<String, String>,
}

/// What the containers of a Pod used.
#[derive(Clone, Debug)]
pub(in super::super) struct PodUsage {
    /// When that was seen, and over what time.
    pub(in super::super) at: Timestamp,
    pub(in super::super) window: Duration,
    /// Thousandths, by resource and container.
    containers: Vec<(String, HashMap<String, i64>)>,
}

impl PodUsage {
    /// Thousandths of a resource that all containers used, or the one of that name; `None` if one does not say.
    pub(in super::super) fn milli(&self, resource: &str, container: Option<&str>) -> Option<i64> {
        let mut counted = self
            .containers
            .iter()
            .filter(|(name, _)| container.is_none_or(|wanted| wanted == name))
            .peekable();
        counted.peek()?;
        counted.map(|(_, usage)| usage.get(resource).copied()).sum()
    }

    /// A metric of a Pod as a whole, which has neither resources nor containers.
    pub(in super::super) fn of_pod(at: Timestamp, milli: i64) -> Self {
        Self {
            at,
            window: Duration::from_secs(60),
            containers: vec![(String::new(), HashMap::from([(String::new(), milli)]))],
        }
    }

    #[cfg(test)]
    pub(in super::super) fn of_cpu(at: Timestamp, milli: i64) -> Self {
        let usage = HashMap::from([("cpu".to_owned(), milli)]);
        Self {
            at,
            window: Duration::from_secs(15),
            containers: vec![("web".to_owned(), usage)],
        }
    }
}

/// What the Pods of a selector use.
pub(super) async fn usage(source: &Source<'_>) -> Read {
    let base = format!(
        "/apis/metrics.k8s.io/v1beta1/namespaces/{}/pods",
        source.namespace
    );
    let asked = path::with(base, &[(Query::Labels, source.selector)]);
    let list: PodMetricsList = ask(source.client, asked, "pods.metrics.k8s.io")
        .await
        .map_err(|why| format!("unable to fetch metrics from resource metrics API: {why}"))?;
    if list.items.is_empty() {
        return Err("no metrics returned from resource metrics API".to_owned());
    }
    let pods = list.items.into_iter();
    let pods = pods.map(|pod| (pod.metadata.name.clone(), pod_usage(pod)));
    Ok(Reading::Pods(pods.collect()))
}

fn pod_usage(pod: PodMetrics) -> PodUsage {
    let milli = |amount: &String| amount.parse::<Quantity>().map(Quantity::milli_value);
    let container = |container: ContainerMetrics| {
        let usage = container.usage.iter();
        let usage = usage.filter_map(|(name, amount)| Some((name.clone(), milli(amount).ok()?)));
        (container.name, usage.collect())
    };
    let window = pod.window.trim_end_matches('s').parse().unwrap_or(15);
    PodUsage {
        at: pod.timestamp,
        window: Duration::from_secs(window),
        containers: pod.containers.into_iter().map(container).collect(),
    }
}
