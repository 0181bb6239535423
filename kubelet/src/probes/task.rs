//! A probe of one running container, again and again.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Probe;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::thresholds::Thresholds;
use super::{Outcome, ProbeKind, Target, probe_once, seconds};
use crate::runtime::Runtime;

/// A probe that is to be run.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    pub(crate) kind: ProbeKind,
    pub(crate) probe: Probe,
    pub(crate) target: Target,
    /// When the container started: delays count from there.
    pub(crate) started_at: Timestamp,
    /// Whether the container was found running when the kubelet started: its probe then begins at a random moment of its
    /// period, so that those of all containers do not come at once.
    pub(crate) is_adopted: bool,
}

/// What a probe tells its worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// The result is this, as the thresholds have it.
    Result(bool),
    /// A single run failed; for the event.
    Failure(String),
    /// A single run could not tell anything; for the event.
    Error(String),
}

/// Runs the probe every period until it is dropped, or until a startup probe has its result, and tells what it found.
pub(crate) async fn run<R: Runtime>(runtime: Arc<R>, task: Task, tell: impl Fn(Found)) {
    let period = Duration::from_secs(seconds(task.probe.period_seconds, 10));
    let mut ticks = interval_at(Instant::now() + first_delay(&task, period), period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut thresholds = Thresholds::new(task.kind, &task.probe);
    loop {
        ticks.tick().await;
        let passed = match probe_once(&*runtime, &task.target, &task.probe).await {
            Outcome::Passed => true,
            Outcome::Failed(why) => {
                tell(Found::Failure(why));
                false
            }
            Outcome::Unknown(why) => {
                tell(Found::Error(why));
                continue;
            }
        };
        let Some(result) = thresholds.count(passed) else {
            continue;
        };
        tell(Found::Result(result));
        if task.kind == ProbeKind::Startup {
            return;
        }
    }
}

fn first_delay(task: &Task, period: Duration) -> Duration {
    let initial = Duration::from_secs(seconds(task.probe.initial_delay_seconds, 0));
    let running = Timestamp::now().duration_since(task.started_at);
    let left = initial.saturating_sub(running.try_into().unwrap_or_default());
    if task.is_adopted {
        return left + period.mul_f64(rand::random());
    }
    left
}
