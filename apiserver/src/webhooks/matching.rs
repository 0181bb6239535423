//! Which requests go to a webhook.

use skiff_api::Status;
use skiff_api::policies::Scene;
use skiff_store::Snapshot;

use super::hook::Hook;
use crate::matching::{Request, Seen};
use crate::policies::{Known, Policies};

impl Request<'_> {
    /// In which version a webhook's rules and selectors are about it, if they are; 404 if that depends on a namespace
    /// that does not exist.
    pub(super) fn goes_to(&self, hook: &Hook, snapshot: &Snapshot) -> Result<Option<Seen>, Status> {
        let Some(seen) = hook.rules.match_request(self) else {
            return Ok(None);
        };
        let is_chosen =
            self.has_labels(&hook.objects) && self.is_in_namespace(&hook.namespaces, snapshot)?;
        Ok(is_chosen.then_some(seen))
    }

    /// Whether the conditions of a webhook hold; 403 if that cannot be told.
    pub(super) fn meets_conditions(
        &self,
        policies: &Policies,
        hook: &Hook,
    ) -> Result<bool, Status> {
        let held = match &hook.conditions {
            Ok(conditions) if conditions.is_empty() => return Ok(true),
            Ok(conditions) => conditions.hold(&Scene::new(&Known::of(policies, self)?.as_facts())),
            Err(why) => Err(why.clone()),
        };
        match held {
            Err(why) if hook.ignores_failure => {
                tracing::warn!(
                    webhook = hook.name,
                    why,
                    "conditions failed, which is ignored"
                );
                Ok(false)
            }
            held => held.map_err(|why| self.forbidden(&why)),
        }
    }
}
