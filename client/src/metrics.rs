//! What the components of this process have done, for `/metrics`.

use std::sync::LazyLock;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

static METRICS: LazyLock<Metrics> = LazyLock::new(Metrics::new);

/// As controller-runtime names them, which users of operators know. There are as many as controllers.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reconcile {
    controller: &'static str,
    result: &'static str,
}

struct Metrics {
    registry: Registry,
    reconciles: Family<Reconcile, Counter>,
    resident: Gauge,
    open_files: Gauge,
}

impl Metrics {
    fn new() -> Self {
        let mut registry = Registry::default();
        let reconciles = Family::default();
        let (resident, open_files) = (Gauge::default(), Gauge::default());
        registry.register(
            "controller_runtime_reconcile",
            "Keys that a controller reconciled",
            reconciles.clone(),
        );
        registry.register(
            "process_resident_memory_bytes",
            "Memory of the process",
            resident.clone(),
        );
        registry.register(
            "process_open_fds",
            "Open file descriptors of the process",
            open_files.clone(),
        );
        Self {
            registry,
            reconciles,
            resident,
            open_files,
        }
    }
}

/// Counts a reconciliation.
pub(crate) fn reconciled(controller: &'static str, result: &'static str) {
    let labels = Reconcile { controller, result };
    METRICS.reconciles.get_or_create(&labels).inc();
}

/// All of them in OpenMetrics text.
pub fn metrics() -> String {
    METRICS.resident.set(resident_bytes());
    METRICS.open_files.set(open_files());
    let mut text = String::new();
    if let Err(error) = encode(&mut text, &METRICS.registry) {
        tracing::error!(%error, "the metrics could not be written");
    }
    text
}

fn resident_bytes() -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<i64>().ok());
    kib.unwrap_or(0) * 1024
}

fn open_files() -> i64 {
    let files = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    i64::try_from(files).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_reconciled_is_told() {
        reconciled("a-test", "success");
        let text = metrics();
        let line = r#"controller_runtime_reconcile_total{controller="a-test",result="success"} 1"#;
        assert!(text.contains(line), "{text}");
        assert!(text.contains("process_resident_memory_bytes "), "{text}");
    }
}
