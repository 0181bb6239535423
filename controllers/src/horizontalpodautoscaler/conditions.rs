//! The three conditions of an autoscaler.

use jiff::Timestamp;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscalerCondition as Condition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

/// The conditions as they become, the newest first.
#[derive(Clone, Debug)]
pub(super) struct Conditions {
    all: Vec<Condition>,
    now: Timestamp,
}

impl Conditions {
    pub(super) fn new(known: Option<&[Condition]>, now: Timestamp) -> Self {
        Self {
            all: known.unwrap_or_default().to_vec(),
            now,
        }
    }

    /// Sets one; its time is that of the last change of its status.
    pub(super) fn set(
        &mut self,
        kind: &str,
        status: bool,
        reason: &str,
        message: impl Into<String>,
    ) {
        let status = if status { "True" } else { "False" };
        let known = self.all.iter().position(|known| known.type_ == kind);
        let before = known.map(|at| self.all[at].clone());
        let since = before
            .filter(|before| before.status == status)
            .and_then(|before| before.last_transition_time);
        let condition = Condition {
            type_: kind.to_owned(),
            status: status.to_owned(),
            reason: Some(reason.to_owned()),
            message: Some(message.into()),
            last_transition_time: since.or(Some(Time(self.now))),
        };
        match known {
            Some(at) => self.all[at] = condition,
            None => self.all.push(condition),
        }
    }

    pub(super) fn into_list(self) -> Vec<Condition> {
        self.all
    }
}
