//! `/metrics/resource` and `/metrics/cadvisor`: what containers use, for Prometheus
//! (<https://kubernetes.io/docs/reference/instrumentation/node-metrics/>).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;

use super::Served;
use super::answer::Refused;
use super::stats::look;
use crate::runtime::Runtime;
use crate::stats::{ContainerSample, Sample};

/// The text format of Prometheus.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
const NANOS: f64 = 1e9;

/// `/metrics/resource`
pub(super) async fn resource<R: Runtime>(
    State(served): State<Arc<Served<R>>>,
) -> Result<Response, Refused> {
    let (sample, _) = look(&served).await?;
    Ok(([(CONTENT_TYPE, TEXT)], resource_text(&sample)).into_response())
}

/// `/metrics/cadvisor`
pub(super) async fn cadvisor<R: Runtime>(
    State(served): State<Arc<Served<R>>>,
) -> Result<Response, Refused> {
    let (sample, _) = look(&served).await?;
    Ok(([(CONTENT_TYPE, TEXT)], cadvisor_text(&sample)).into_response())
}

/// A metric's text.
struct Metric<'a>(&'a mut String);

impl<'a> Metric<'a> {
    fn new(text: &'a mut String, name: &str, kind: &str, help: &str) -> Self {
        // Writing into a String does not fail.
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        Self(text)
    }

    fn line(&mut self, name: &str, labels: &str, value: f64, at_nanos: i64) {
        let _ = writeln!(self.0, "{name}{labels} {value} {}", at_nanos / 1_000_000);
    }
}

fn of_container(one: &ContainerSample) -> String {
    format!(
        "{{container={:?},namespace={:?},pod={:?}}}",
        one.name, one.namespace, one.pod
    )
}

fn resource_text(sample: &Sample) -> String {
    let mut text = String::new();
    let all = &sample.containers;
    let name = "container_cpu_usage_seconds_total";
    let help = "[STABLE] Cumulative cpu time consumed by the container in core-seconds";
    let mut metric = Metric::new(&mut text, name, "counter", help);
    for one in all {
        let seconds = one.cpu.nanos as f64 / NANOS;
        metric.line(name, &of_container(one), seconds, one.cpu.at);
    }
    let name = "container_memory_working_set_bytes";
    let help = "[STABLE] Current working set of the container in bytes";
    let mut metric = Metric::new(&mut text, name, "gauge", help);
    for one in all {
        let bytes = one.memory_working_set_bytes as f64;
        metric.line(name, &of_container(one), bytes, one.cpu.at);
    }
    let host = &sample.host;
    let name = "node_cpu_usage_seconds_total";
    let help = "[STABLE] Cumulative cpu time consumed by the node in core-seconds";
    let seconds = host.cpu.nanos as f64 / NANOS;
    Metric::new(&mut text, name, "counter", help).line(name, "", seconds, host.cpu.at);
    let name = "node_memory_working_set_bytes";
    let help = "[STABLE] Current working set of the node in bytes";
    let bytes = host.memory_working_set_bytes as f64;
    Metric::new(&mut text, name, "gauge", help).line(name, "", bytes, host.cpu.at);
    pods(&mut text, sample);
    text.push_str("# HELP resource_scrape_error [STABLE] 1 if there was an error while getting container metrics, 0 otherwise\n");
    text.push_str("# TYPE resource_scrape_error gauge\nresource_scrape_error 0\n");
    text
}

fn pods(text: &mut String, sample: &Sample) {
    let mut pods: BTreeMap<(&str, &str), (u64, u64, i64)> = BTreeMap::new();
    for one in &sample.containers {
        let sum = pods.entry((&one.namespace, &one.pod)).or_default();
        sum.0 += one.cpu.nanos;
        sum.1 += one.memory_working_set_bytes;
        sum.2 = one.cpu.at;
    }
    let labels =
        |(namespace, pod): (&str, &str)| format!("{{namespace={namespace:?},pod={pod:?}}}");
    let name = "pod_cpu_usage_seconds_total";
    let help = "[STABLE] Cumulative cpu time consumed by the pod in core-seconds";
    let mut metric = Metric::new(text, name, "counter", help);
    for (pod, (nanos, _, at)) in &pods {
        metric.line(name, &labels(*pod), *nanos as f64 / NANOS, *at);
    }
    let name = "pod_memory_working_set_bytes";
    let help = "[STABLE] Current working set of the pod in bytes";
    let mut metric = Metric::new(text, name, "gauge", help);
    for (pod, (_, bytes, at)) in &pods {
        metric.line(name, &labels(*pod), *bytes as f64, *at);
    }
}

fn cadvisor_text(sample: &Sample) -> String {
    let mut text = String::new();
    type Figure = fn(&ContainerSample) -> f64;
    let metrics: [(&str, &str, &str, Figure); 3] = [
        (
            "container_cpu_usage_seconds_total",
            "counter",
            "Cumulative cpu time consumed in seconds.",
            |one| one.cpu.nanos as f64 / NANOS,
        ),
        (
            "container_memory_working_set_bytes",
            "gauge",
            "Current working set in bytes.",
            |one| one.memory_working_set_bytes as f64,
        ),
        (
            "container_fs_usage_bytes",
            "gauge",
            "Number of bytes that are consumed by the container on this filesystem.",
            |one| one.rootfs_bytes as f64,
        ),
    ];
    for (name, kind, help, figure) in metrics {
        let mut metric = Metric::new(&mut text, name, kind, help);
        for one in &sample.containers {
            let labels = format!(
                "{{container={:?},id={:?},name={:?},namespace={:?},pod={:?}}}",
                one.name,
                format!("/pod{}/{}", one.pod_uid, one.id),
                one.id,
                one.namespace,
                one.pod
            );
            metric.line(name, &labels, figure(one), one.cpu.at);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::CpuTotal;

    #[test]
    fn the_text_is_that_of_the_kubelet() {
        let mut sample = Sample::default();
        sample.containers.push(ContainerSample {
            id: "abc".into(),
            name: "nginx".into(),
            pod: "web".into(),
            namespace: "default".into(),
            pod_uid: "u".into(),
            cpu: CpuTotal {
                nanos: 1_500_000_000,
                at: 2_000_000_000,
            },
            memory_working_set_bytes: 4096,
            rootfs_bytes: 0,
            rootfs_inodes: 0,
        });
        let text = resource_text(&sample);
        for line in [
            "container_cpu_usage_seconds_total{container=\"nginx\",namespace=\"default\",pod=\"web\"} 1.5 2000",
            "container_memory_working_set_bytes{container=\"nginx\",namespace=\"default\",pod=\"web\"} 4096 2000",
            "pod_cpu_usage_seconds_total{namespace=\"default\",pod=\"web\"} 1.5 2000",
            "node_cpu_usage_seconds_total 0 0",
        ] {
            assert!(text.lines().any(|known| known == line), "{line} in\n{text}");
        }
    }
}
