//! Label selectors of workloads.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use skiff_api::Selector;

/// Which objects a workload takes for its own.
pub(crate) struct Selection(Selector);

impl Default for Selection {
    /// None.
    fn default() -> Self {
        Self(Selector::nothing())
    }
}

impl Selection {
    /// What `selector` says; nothing if it breaks the rules, as the API server lets no such selector in.
    pub(crate) fn of(selector: &LabelSelector) -> Self {
        Selector::of(Some(selector)).map(Self).unwrap_or_default()
    }

    /// All of these labels, as ReplicationControllers select; no label selects nothing.
    pub(crate) fn of_labels(labels: &BTreeMap<String, String>) -> Self {
        if labels.is_empty() {
            return Self::default();
        }
        Self::of(&LabelSelector {
            match_labels: Some(labels.clone()),
            match_expressions: None,
        })
    }

    /// Whether an object with these labels is selected.
    pub(crate) fn matches(&self, labels: Option<&BTreeMap<String, String>>) -> bool {
        self.0.matches(&labels)
    }

    /// Whether every object is selected.
    pub(crate) fn is_everything(&self) -> bool {
        self.0.is_everything()
    }
}
