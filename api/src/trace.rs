//! The trace: when each component did its part of the way of a Pod or a Service.
//!
//! A component stamps a stage after the fact. Stamps are kept in this process, the newest of them, and cost no write; the
//! kubelet of each machine hands them out (`/debug/trace`), and `skiff trace` draws them.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Stamps that are kept: those of some 500 Pods.
const KEPT: usize = 8192;

static STAMPS: Mutex<VecDeque<Stamp>> = Mutex::new(VecDeque::new());

/// A stage of the way, in its order.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// The API server has stored it durably.
    Stored,
    /// The scheduler has bound it to a node.
    Scheduled,
    /// The kubelet of its node knows of it.
    Seen,
    /// Its sandbox runs.
    Sandbox,
    /// Its sandbox has an address.
    Network,
    /// An image is on the node.
    Image,
    /// A container is made.
    Created,
    /// A container runs.
    Started,
    /// The API server has been told that it is ready.
    Ready,
    /// It stands, ready, in an EndpointSlice.
    InEndpoints,
    /// The kernel of a node has acknowledged it as the endpoint of a Service.
    InDataplane,
}

impl Stage {
    /// As people read it.
    pub fn words(self) -> &'static str {
        match self {
            Stage::Stored => "stored",
            Stage::Scheduled => "scheduled",
            Stage::Seen => "seen by kubelet",
            Stage::Sandbox => "sandbox",
            Stage::Network => "network",
            Stage::Image => "image",
            Stage::Created => "created",
            Stage::Started => "started",
            Stage::Ready => "ready",
            Stage::InEndpoints => "in endpoints",
            Stage::InDataplane => "in dataplane",
        }
    }
}

/// A stage that was reached.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Stamp {
    /// When.
    pub at: Timestamp,
    /// What.
    pub stage: Stage,
    /// Of what: the uid of a Pod, or `namespace/name` of a Service.
    pub subject: String,
    /// What there is to say beside: the node, the container, the Service, the endpoint.
    pub detail: String,
}

/// Notes that a stage has been reached now.
pub fn stamp(stage: Stage, subject: impl Into<String>, detail: impl Into<String>) {
    let stamp = Stamp {
        at: Timestamp::now(),
        stage,
        subject: subject.into(),
        detail: detail.into(),
    };
    let mut stamps = STAMPS.lock().unwrap_or_else(PoisonError::into_inner);
    if stamps.len() >= KEPT {
        stamps.pop_front();
    }
    stamps.push_back(stamp);
}

/// The stamps of these subjects that are kept in this process, oldest first.
pub fn stamps_of<S: AsRef<str>>(subjects: &[S]) -> Vec<Stamp> {
    let stamps = STAMPS.lock().unwrap_or_else(PoisonError::into_inner);
    let wanted = |stamp: &&Stamp| subjects.iter().any(|one| one.as_ref() == stamp.subject);
    stamps.iter().filter(wanted).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_stamps_are_kept() {
        stamp(Stage::Stored, "first", "");
        stamp(Stage::Stored, "mine", "");
        stamp(Stage::Scheduled, "mine", "n1");
        let stages: Vec<Stage> = stamps_of(&["mine"])
            .iter()
            .map(|stamp| stamp.stage)
            .collect();
        assert_eq!(stages, [Stage::Stored, Stage::Scheduled]);
        for _ in 0..KEPT {
            stamp(Stage::Seen, "other", "");
        }
        assert_eq!(stamps_of(&["first", "mine"]), []);
        assert_eq!(stamps_of(&["other"]).len(), KEPT);
    }
}
