//! Which requests a policy or a binding is about (admissionregistration.k8s.io/v1 MatchResources): pure, over a snapshot.

use serde::Deserialize;
use serde_json::Value;
use skiff_api::{Selector, Status};
use skiff_store::Snapshot;

use crate::webhooks::{Request, Rule, selector};

/// As it is stored.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Stored {
    resource_rules: Vec<Rule>,
    exclude_resource_rules: Vec<Rule>,
    namespace_selector: Value,
    object_selector: Value,
}

/// What a request must be like.
#[derive(Debug)]
pub(super) struct Constraints {
    rules: Vec<Rule>,
    excluded: Vec<Rule>,
    namespaces: Selector,
    objects: Selector,
}

impl Constraints {
    /// Reads what is stored.
    pub(super) fn read(stored: &Value) -> Result<Self, serde_json::Error> {
        let stored = Stored::deserialize(stored)?;
        Ok(Self {
            rules: stored.resource_rules,
            excluded: stored.exclude_resource_rules,
            namespaces: selector(&stored.namespace_selector),
            objects: selector(&stored.object_selector),
        })
    }

    /// Whether a request is meant; 404 if that depends on a namespace that does not exist.
    pub(super) fn match_request(
        &self,
        request: &Request<'_>,
        snapshot: &Snapshot,
    ) -> Result<bool, Status> {
        let has = |rules: &[Rule]| rules.iter().any(|rule| rule.matches(request.attributes));
        // A binding without rules is about all that its policy is about.
        let is_meant = self.rules.is_empty() || has(&self.rules);
        Ok(is_meant
            && !has(&self.excluded)
            && request.has_labels(&self.objects)
            && request.is_in_namespace(&self.namespaces, snapshot)?)
    }
}
