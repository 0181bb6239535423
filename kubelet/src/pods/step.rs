//! One step of the work on a Pod: whether it is to be done, and when it is tried again.

use jiff::{SignedDuration, Timestamp};

/// One thing to do.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Step {
    #[default]
    Todo,
    Busy,
    Done,
    Failed(Failure),
}

impl Step {
    /// Whether it is to be done now: it was not tried, or failed and its delay is over.
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        match self {
            Step::Todo => true,
            Step::Busy | Step::Done => false,
            Step::Failed(failure) => failure.again_at() <= now,
        }
    }

    pub(crate) fn failure(&self) -> Option<&Failure> {
        match self {
            Step::Failed(failure) => Some(failure),
            _ => None,
        }
    }

    /// Makes a failed step due at once: what it waits for may have changed.
    pub(crate) fn hurry(&mut self) {
        if matches!(self, Step::Failed(_)) {
            *self = Step::Todo;
        }
    }
}

/// Why a step failed and when it is tried again.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Failure {
    /// The reason of the container's waiting state: `ErrImagePull`, `CreateContainerConfigError`, …
    pub(crate) reason: &'static str,
    pub(crate) message: String,
    pub(crate) at: Timestamp,
    pub(crate) delay: SignedDuration,
}

impl Failure {
    /// A failure that is tried again after `first`, after twice that the next time, and so on up to `last`.
    pub(crate) fn growing(
        message: String,
        at: Timestamp,
        failures: u32,
        first: SignedDuration,
        last: SignedDuration,
    ) -> Self {
        let factor = 1_i32 << failures.min(16);
        Self {
            reason: "",
            message,
            at,
            delay: (first * factor).min(last),
        }
    }

    pub(crate) fn again_at(&self) -> Timestamp {
        self.at + self.delay
    }
}
