//! What `/metrics` tells, under the names that users of Kubernetes know.

use std::time::Instant;

use http::StatusCode;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::request::RequestInfo;

/// In seconds, as Kubernetes has them, but fewer.
const BUCKETS: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0,
];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    verb: &'static str,
    group: String,
    version: String,
    resource: String,
    subresource: String,
    code: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Asked {
    verb: &'static str,
    group: String,
    version: String,
    resource: String,
    subresource: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kind {
    request_kind: &'static str,
}

#[derive(Clone)]
struct Durations;

impl MetricConstructor<Histogram> for Durations {
    fn new_metric(&self) -> Histogram {
        Histogram::new(BUCKETS)
    }
}

/// The server's metrics.
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<Answered, Counter>,
    durations: Family<Asked, Histogram, Durations>,
    inflight: Family<Kind, Gauge>,
    watches: Gauge,
    panics: Counter,
}

/// A request that is being answered.
pub(crate) struct Answering {
    start: Instant,
    _inflight: Option<Counted>,
}

impl Answering {
    /// Counts the answer; `known` says whether there is what was asked for.
    pub(crate) fn answered(
        self,
        metrics: &Metrics,
        info: &RequestInfo,
        known: bool,
        code: StatusCode,
    ) {
        metrics.answered(info, known, code, self.start);
    }
}

/// Something under way, counted until it is dropped.
pub(crate) struct Counted(Gauge);

impl Counted {
    fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::default();
        let requests = Family::default();
        let durations = Family::new_with_constructor(Durations);
        let inflight = Family::default();
        let watches = Gauge::default();
        let panics = Counter::default();
        registry.register("apiserver_request", "Requests answered", requests.clone());
        registry.register(
            "apiserver_request_duration_seconds",
            "How long answers took; watches and streams are not in it",
            durations.clone(),
        );
        registry.register(
            "apiserver_current_inflight_requests",
            "Requests under way",
            inflight.clone(),
        );
        registry.register(
            "apiserver_longrunning_requests",
            "Watches and streams that are open",
            watches.clone(),
        );
        registry.register(
            "apiserver_request_panics",
            "Requests that ended in a panic",
            panics.clone(),
        );
        Self {
            registry,
            requests,
            durations,
            inflight,
            watches,
            panics,
        }
    }

    /// Counts a request that ended in a panic.
    pub(crate) fn panicked(&self) {
        self.panics.inc();
    }

    /// Counts a watch or a stream until the guard is dropped.
    pub(crate) fn long_running(&self) -> Counted {
        Counted::new(&self.watches)
    }

    /// All of them in OpenMetrics text.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        if let Err(error) = text::encode(&mut text, &self.registry) {
            tracing::error!(%error, "the metrics could not be written");
        }
        text
    }

    /// A request that has come.
    pub(crate) fn begin(&self, info: &RequestInfo) -> Answering {
        let request_kind = if info.is_read_only() {
            "readOnly"
        } else {
            "mutating"
        };
        let kind = Kind { request_kind };
        let inflight =
            (!info.is_long_running()).then(|| Counted::new(&self.inflight.get_or_create(&kind)));
        Answering {
            start: Instant::now(),
            _inflight: inflight,
        }
    }

    fn answered(&self, info: &RequestInfo, known: bool, code: StatusCode, start: Instant) {
        // Only what is served may become a label, or clients could make metrics without bound.
        let target = info.target.clone().filter(|_| known).unwrap_or_default();
        let asked = Asked {
            verb: info.verb,
            group: target.group,
            version: target.version,
            resource: target.resource,
            subresource: target.subresource,
        };
        let answered = Answered {
            verb: asked.verb,
            group: asked.group.clone(),
            version: asked.version.clone(),
            resource: asked.resource.clone(),
            subresource: asked.subresource.clone(),
            code: code.as_u16(),
        };
        self.requests.get_or_create(&answered).inc();
        if !info.is_long_running() {
            let seconds = start.elapsed().as_secs_f64();
            self.durations.get_or_create(&asked).observe(seconds);
        }
    }
}
