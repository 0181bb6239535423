use skiff_api::pod_resources::INFEASIBLE;

/// Why the node does not have so much.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) kind: RefusalKind,
    /// In the kubelet's words.
    pub(crate) message: String,
}

/// Whether it ever will.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RefusalKind {
    /// When others have left.
    Deferred,
    /// Never.
    Infeasible,
}

impl RefusalKind {
    /// The reason of the condition.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            RefusalKind::Deferred => "Deferred",
            RefusalKind::Infeasible => INFEASIBLE,
        }
    }

    /// That of a condition that was told before.
    pub(super) fn of_reason(reason: Option<&str>) -> Self {
        match reason {
            Some(INFEASIBLE) => RefusalKind::Infeasible,
            _ => RefusalKind::Deferred,
        }
    }

    /// The reason of the event.
    pub(crate) fn event(self) -> &'static str {
        match self {
            RefusalKind::Deferred => "ResizeDeferred",
            RefusalKind::Infeasible => "ResizeInfeasible",
        }
    }
}
