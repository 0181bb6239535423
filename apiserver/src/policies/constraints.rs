//! Which requests a policy or a binding is about (admissionregistration.k8s.io/v1 MatchResources): pure, over a snapshot.

use serde::Deserialize;
use serde_json::Value;
use skiff_api::{Selector, Status};
use skiff_store::Snapshot;

use crate::matching::{Request, Rule, Rules, Seen, selector};

/// As it is stored.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Stored {
    resource_rules: Vec<Rule>,
    exclude_resource_rules: Vec<Rule>,
    match_policy: String,
    namespace_selector: Value,
    object_selector: Value,
}

/// What a request must be like.
#[derive(Debug)]
pub(super) struct Constraints {
    rules: Rules,
    excluded: Rules,
    namespaces: Selector,
    objects: Selector,
}

impl Constraints {
    /// Reads what is stored.
    pub(super) fn read(stored: &Value) -> Result<Self, serde_json::Error> {
        let stored = Stored::deserialize(stored)?;
        let rules = |rules| Rules::new(rules, &stored.match_policy);
        Ok(Self {
            rules: rules(stored.resource_rules),
            excluded: rules(stored.exclude_resource_rules),
            namespaces: selector(&stored.namespace_selector),
            objects: selector(&stored.object_selector),
        })
    }

    /// In which version a request is meant, if it is; 404 if that depends on a namespace that does not exist.
    pub(super) fn match_request(
        &self,
        request: &Request<'_>,
        snapshot: &Snapshot,
    ) -> Result<Option<Seen>, Status> {
        let seen = match self.rules.is_empty() {
            // A binding without rules is about all that its policy is about.
            true => Some(Seen::AsSent),
            false => self.rules.match_request(request),
        };
        let Some(seen) = seen else {
            return Ok(None);
        };
        let is_meant = self.excluded.match_request(request).is_none()
            && request.has_labels(&self.objects)
            && request.is_in_namespace(&self.namespaces, snapshot)?;
        Ok(is_meant.then_some(seen))
    }
}
