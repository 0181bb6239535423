//! What a list shows of the metrics of an autoscaler.

use serde_json::Value;

use super::metrics::METRICS;
use crate::kinds::common::cells::{items, text};

/// As many metrics are shown in a list.
const SHOWN: usize = 2;
const UNKNOWN: &str = "<unknown>";

/// `cpu: 12%/50%, memory: 3Mi/1Gi`
pub(super) fn targets(autoscaler: &Value) -> String {
    let metrics = items(autoscaler, "/spec/metrics");
    if metrics.is_empty() {
        return "<none>".to_owned();
    }
    let current = items(autoscaler, "/status/currentMetrics");
    let mut shown: Vec<String> = metrics
        .iter()
        .enumerate()
        .map(|(at, metric)| target(metric, current.get(at)))
        .collect();
    let more = shown.len().saturating_sub(SHOWN);
    shown.truncate(SHOWN);
    let shown = shown.join(", ");
    match more {
        0 => shown,
        more => format!("{shown} + {more} more..."),
    }
}

fn target(metric: &Value, current: Option<&Value>) -> String {
    let kind = text(metric, "/type");
    let Some((_, field)) = METRICS.iter().find(|(name, _)| *name == kind) else {
        return "<unknown type>".to_owned();
    };
    let target = &metric[field]["target"];
    let now = current.map_or(&Value::Null, |current| &current[field]["current"]);
    let amount = |value: &Value| value.as_str().unwrap_or(UNKNOWN).to_owned();
    let percent = |value: &Value, none: &str| match value.as_i64() {
        Some(percent) => format!("{percent}%"),
        None => none.to_owned(),
    };
    let average = target["averageValue"].is_string();
    match kind {
        "Resource" | "ContainerResource" => {
            let name = text(metric, &format!("/{field}/name"));
            if average {
                let now = amount(&now["averageValue"]);
                format!("{name}: {now}/{}", amount(&target["averageValue"]))
            } else {
                let now = percent(&now["averageUtilization"], UNKNOWN);
                let target = percent(&target["averageUtilization"], "<auto>");
                format!("{name}: {now}/{target}")
            }
        }
        _ if average => format!(
            "{}/{}{}",
            amount(&now["averageValue"]),
            amount(&target["averageValue"]),
            if kind == "Pods" { "" } else { " (avg)" }
        ),
        _ => format!("{}/{}", amount(&now["value"]), amount(&target["value"])),
    }
}
