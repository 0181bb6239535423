//! What a worker sets going: each is one task that ends with what came of it, and changes nothing of the worker's itself.

mod clean;
mod hook;
mod image;
mod image_name;
mod look;
mod pull_secret;
mod report;
mod resize;
mod sandbox;
mod start;
mod stop;
mod termination;

use k8s_openapi::api::core::v1::PodStatus;

use super::progress;
use super::resize::Outcome;
use super::seen::{Instance, Sandbox};
use crate::runtime::{PodState, RuntimeError};
use crate::volumes::{Failed, Mounted};

pub(super) use self::clean::{
    clean_up, remove_container, remove_logs, remove_sandbox, remove_traces, stop_sandbox,
};
pub(super) use self::image::ensure_image;
pub(super) use self::look::{list, look, look_at_sandbox, messages};
pub(super) use self::report::{delete, write_status};
pub(crate) use self::report::{delete_object, patch_status};
pub(super) use self::resize::resize;
pub(super) use self::sandbox::create_sandbox;
pub(super) use self::start::{Start, start};
pub(super) use self::stop::{Stop, stop_container};

/// How something ended that was set going.
#[derive(Debug)]
pub(super) enum Done {
    Volumes(Result<Mounted, Failed>),
    Sandbox(Result<Sandbox, String>),
    Image {
        container: String,
        /// The image by the name that the container had then.
        image: String,
        result: Result<progress::Image, Refusal>,
    },
    Started {
        container: String,
        /// The container if it was made, whether it started or not.
        instance: Option<Instance>,
        refusal: Option<Refusal>,
    },
    /// What the runtime says of a container now; `None` if it has it no more.
    Looked {
        id: String,
        name: String,
        instance: Option<Instance>,
    },
    /// Like `Looked`, after it was stopped or found to run when it was to be removed.
    Stopped {
        id: String,
        name: String,
        instance: Option<Instance>,
    },
    NotStopped {
        id: String,
        error: RuntimeError,
    },
    /// The same for a sandbox.
    LookedAtSandbox {
        id: String,
        sandbox: Option<Sandbox>,
    },
    /// All that the runtime has of the Pod, asked after something could not be made: it may be there all the same.
    Listed(Vec<PodState>),
    Undone {
        id: String,
        what: Undoing,
        result: Result<(), RuntimeError>,
    },
    /// How far a change of resources came, and why no further.
    Resized(Outcome),
    Cleaned(std::io::Result<()>),
    Reported {
        status: Box<PodStatus>,
        result: kube::Result<()>,
    },
    Deleted(kube::Result<()>),
    /// A container or sandbox that could not be stopped or removed may be tried again.
    RetryNow {
        id: String,
    },
    /// The runtime could not be asked; its return tells.
    Unknown,
}

/// What is taken away of a Pod, in the end or because something newer has its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Undoing {
    StopSandbox,
    RemoveSandbox,
    RemoveContainer,
}

impl Undoing {
    fn stage(self) -> &'static str {
        match self {
            Undoing::StopSandbox => "sandbox stop",
            Undoing::RemoveSandbox => "sandbox removal",
            Undoing::RemoveContainer => "container removal",
        }
    }
}

impl Done {
    /// What has ended, for the log.
    pub(super) fn stage(&self) -> &'static str {
        match self {
            Done::Volumes(_) => "volumes",
            Done::Sandbox(_) => "sandbox",
            Done::Image { .. } => "image",
            Done::Started { .. } => "start",
            Done::Looked { .. } | Done::LookedAtSandbox { .. } | Done::Listed(_) => "look",
            Done::Stopped { .. } | Done::NotStopped { .. } => "stop",
            Done::Undone { what, .. } => what.stage(),
            Done::Resized(_) => "resize",
            Done::Cleaned(_) => "cleaning",
            Done::Reported { .. } => "report",
            Done::Deleted(_) => "deletion",
            Done::RetryNow { .. } | Done::Unknown => "retry",
        }
    }
}

/// Why a container cannot be started, as its waiting state has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) reason: &'static str,
    pub(super) message: String,
}

impl Refusal {
    fn new(reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
        }
    }
}

/// A runtime's error as gRPC clients in Go print it, which is what users know from events.
fn rpc_words(error: &RuntimeError) -> String {
    match error {
        RuntimeError::Rpc { code, message, .. } => {
            format!("rpc error: code = {code:?} desc = {message}")
        }
        other => other.to_string(),
    }
}
