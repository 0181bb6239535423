//! The policies and webhooks in force follow the store, and what is wrong with the expressions of a policy stands in its
//! status.

use serde_json::{Value, json};
use skiff_api::{Reason, Status, metadata};
use skiff_store::WatchEnd;
use tokio_util::sync::CancellationToken;

use crate::admission::Part;
use crate::api::Api;
use crate::matching::PREFIX;
use crate::policies::{VALIDATING, is_checked, unchecked, unchecked_after, warnings};
use crate::request::unknown;
use crate::writes::{Writer, Writes};

/// Follows the configurations and the policies in the store until `shutdown`.
pub(super) async fn follow(api: &Api, shutdown: CancellationToken) {
    while !shutdown.is_cancelled() {
        let snapshot = api.store.snapshot();
        let Ok(mut watch) = api.store.watch(PREFIX, snapshot.revision()) else {
            continue;
        };
        api.webhooks.read_all(&snapshot);
        for name in unchecked(&snapshot) {
            check(api, &name).await;
        }
        loop {
            // Cancel-safe: the store's watch says so of itself.
            let changes = tokio::select! {
                () = shutdown.cancelled() => return,
                changes = watch.next() => changes,
            };
            match changes {
                Ok(changes) => {
                    for change in &changes {
                        api.webhooks.apply(change);
                    }
                    for name in changes.iter().filter_map(|it| unchecked_after(it)) {
                        check(api, &name).await;
                    }
                }
                Err(WatchEnd::Lagged) => break,
                Err(WatchEnd::Closed) => return,
            }
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
