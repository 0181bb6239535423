//! What is wrong with the expressions of a policy stands in its status.

use std::sync::Arc;

use serde_json::{Value, json};
use skiff_api::{Reason, Status, metadata};
use skiff_store::{Change, Snapshot};

use crate::admission::Part;
use crate::api::Api;
use crate::following::Follower;
use crate::policies::{VALIDATING, is_checked, unchecked, unchecked_after, warnings};
use crate::request::unknown;
use crate::writes::{Writer, Writes};

/// Looks at every policy whose last change nobody has looked at.
pub(super) struct TypeCheck<'a>(pub(super) &'a Api);

impl Follower for TypeCheck<'_> {
    async fn read_all(&self, snapshot: &Snapshot) {
        for name in unchecked(snapshot) {
            check(self.0, &name).await;
        }
    }

    async fn apply(&self, changes: &[Arc<Change>]) {
        for name in changes.iter().filter_map(|change| unchecked_after(change)) {
            check(self.0, &name).await;
        }
    }
}

/// Looks at a policy, and writes into its status what is found.
async fn check(api: &Api, name: &str) {
    match write(api, name).await {
        Ok(()) => {}
        Err(status) if status.reason == Reason::NotFound => {}
        Err(error) => {
            tracing::warn!(policy = name, %error, "the status of a policy is not written")
        }
    }
}

async fn write(api: &Api, name: &str) -> Result<(), Status> {
    let group = "admissionregistration.k8s.io";
    let kind = api.kinds.get(group, "v1", VALIDATING.trim_end_matches('/'));
    let kind = kind.ok_or_else(unknown)?;
    let change = |old: &Value| {
        let mut policy = old.clone();
        if !is_checked(old) {
            let found = match warnings(&api.policies, &old["spec"]) {
                found if found.is_empty() => json!({}),
                found => json!({"expressionWarnings": found}),
            };
            policy["status"]["observedGeneration"] = json!(metadata::generation(old));
            policy["status"]["typeChecking"] = found;
        }
        Ok(policy)
    };
    let storage = api.objects.of(&kind);
    let writes = Writes::new(api, &storage);
    let written = writes.modify("", name, Part::Status, Writer::default(), change);
    written.await.map(|_| ())
}
