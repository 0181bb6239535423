//! From a kubelet's summary to NodeMetrics and PodMetrics: pure.

use serde_json::{Value, json};
use skiff_api::{Quantity, metadata};

/// About how long the time is over which kubelets tell what was used of processors.
const WINDOW: &str = "15s";

/// What a Node uses.
pub(super) fn of_node(node: &Value, summary: &Value) -> Option<Value> {
    let stats = &summary["node"];
    let mut metrics = about(node, &stats["cpu"]["time"]);
    metrics["usage"] = usage(stats)?;
    Some(metrics)
}

/// What a Pod uses, if the summary is of its node and all its containers that run have figures.
pub(super) fn of_pod(pod: &Value, summary: &Value) -> Option<Value> {
    let mut pods = summary["pods"].as_array()?.iter();
    let stats = pods.find(|stats| stats["podRef"]["uid"] == *metadata::uid(pod))?;
    let containers = stats["containers"].as_array()?;
    let containers: Option<Vec<Value>> = containers
        .iter()
        .map(|container| Some(json!({"name": container["name"], "usage": usage(container)?})))
        .collect();
    let mut metrics = about(pod, &stats["cpu"]["time"]);
    metrics["containers"] = containers.filter(|all| !all.is_empty())?.into();
    Some(metrics)
}

fn about(object: &Value, time: &Value) -> Value {
    let mut about = json!({"name": metadata::name(object), "creationTimestamp": time});
    if !metadata::namespace(object).is_empty() {
        about["namespace"] = metadata::namespace(object).into();
    }
    if let Some(labels) = metadata::labels(object) {
        about["labels"] = labels.clone().into();
    }
    json!({"metadata": about, "timestamp": time, "window": WINDOW})
}

fn usage(stats: &Value) -> Option<Value> {
    let nanos = stats["cpu"]["usageNanoCores"].as_u64()?;
    let bytes = stats["memory"]["workingSetBytes"].as_u64()?;
    // As in Kubernetes' own: whole Ki, with the suffixes that they are read with.
    let memory = Quantity::from_bytes(i64::try_from(bytes / 1024 * 1024).ok()?);
    Some(json!({"cpu": format!("{nanos}n"), "memory": memory.to_string()}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_becomes_metrics() {
        let stats = |nanos: Value| json!({"name": "nginx", "cpu": {"time": "t", "usageNanoCores": nanos}, "memory": {"workingSetBytes": 3_145_728}});
        let mut pod_stats = json!({"podRef": {"uid": "u"}, "cpu": {"time": "t"}});
        pod_stats["containers"] = json!([stats(json!(1_500_000))]);
        let summary = json!({"node": stats(json!(7)), "pods": [pod_stats]});
        let pod = json!({"metadata": {"name": "web", "namespace": "default", "uid": "u", "labels": {"app": "web"}}});
        assert_eq!(
            of_pod(&pod, &summary).unwrap(),
            json!({
                "metadata": {"name": "web", "namespace": "default", "labels": {"app": "web"}, "creationTimestamp": "t"},
                "timestamp": "t",
                "window": "15s",
                "containers": [{"name": "nginx", "usage": {"cpu": "1500000n", "memory": "3Mi"}}],
            })
        );
        let node = json!({"metadata": {"name": "n1"}});
        assert_eq!(of_node(&node, &summary).unwrap()["usage"]["cpu"], "7n");

        let other = json!({"metadata": {"name": "web", "uid": "other"}});
        assert_eq!(of_pod(&other, &summary), None);
        let mut young = summary.clone();
        young["pods"][0]["containers"][0] = stats(Value::Null);
        assert_eq!(of_pod(&pod, &young), None);
    }
}
