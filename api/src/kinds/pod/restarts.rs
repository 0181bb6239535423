//! How often the containers of a Pod were started again, and when last.

use jiff::Timestamp;
use serde_json::Value;

use crate::duration;

/// Restarts, as `kubectl get pods` counts them.
#[derive(Clone, Debug, Default)]
pub(super) struct Restarts {
    count: i64,
    last_ended: Option<Timestamp>,
}

impl Restarts {
    /// Counts those of one ContainerStatus.
    pub(super) fn add(&mut self, status: &Value) {
        self.count += status["restartCount"].as_i64().unwrap_or_default();
        let ended = status["lastState"]["terminated"]["finishedAt"].as_str();
        let ended = ended.and_then(|text| text.parse().ok());
        self.last_ended = self.last_ended.max(ended);
    }

    /// `0`, or `3 (5m ago)`.
    pub(super) fn cell(&self, now: Timestamp) -> String {
        match self.last_ended {
            Some(ended) if self.count != 0 => {
                let ago = duration::human_duration(now.duration_since(ended));
                format!("{} ({ago} ago)", self.count)
            }
            _ => self.count.to_string(),
        }
    }
}
