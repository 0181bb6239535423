//! Webhooks as they stand in a configuration.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use skiff_api::policies::Conditions;
use skiff_store::Store;

use super::hook::Hook;
use crate::matching::{Rule, Rules, selector};
use crate::remote::{ClientConfig, Remotes, Unusable};

/// The versions of AdmissionReview that this server speaks.
const REVIEW_VERSIONS: [&str; 2] = ["v1", "v1beta1"];

#[derive(Deserialize)]
struct Stored {
    #[serde(default)]
    webhooks: Vec<StoredHook>,
}

/// A webhook of either kind, with its defaults filled in.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredHook {
    name: String,
    client_config: ClientConfig,
    #[serde(default)]
    rules: Vec<Rule>,
    #[serde(default)]
    match_policy: String,
    failure_policy: String,
    #[serde(default)]
    namespace_selector: Value,
    #[serde(default)]
    object_selector: Value,
    #[serde(default)]
    match_conditions: Value,
    side_effects: String,
    timeout_seconds: u64,
    admission_review_versions: Vec<String>,
    #[serde(default)]
    reinvocation_policy: String,
}

/// Reads a stored configuration.
pub(super) fn read(
    bytes: &[u8],
    store: &Store,
    remotes: &Remotes,
) -> Result<Vec<Arc<Hook>>, Unusable> {
    let stored: Stored = serde_json::from_slice(bytes)?;
    let hooks = stored.webhooks.into_iter();
    hooks
        .map(|hook| hook.ready(store, remotes).map(Arc::new))
        .collect()
}

impl StoredHook {
    fn ready(self, store: &Store, remotes: &Remotes) -> Result<Hook, Unusable> {
        let seconds = self.timeout_seconds;
        let webhook = self.client_config.ready(store, remotes, seconds)?;
        let mut versions = self.admission_review_versions.iter();
        let known = |version: &String| REVIEW_VERSIONS.into_iter().find(|known| known == version);
        Ok(Hook {
            rules: Rules::new(self.rules, &self.match_policy),
            namespaces: selector(&self.namespace_selector),
            objects: selector(&self.object_selector),
            conditions: Conditions::of_webhook(&self.match_conditions),
            ignores_failure: self.failure_policy == "Ignore",
            takes_dry_runs: matches!(self.side_effects.as_str(), "None" | "NoneOnDryRun"),
            reinvoked: self.reinvocation_policy == "IfNeeded",
            review_version: versions.find_map(known).unwrap_or(REVIEW_VERSIONS[0]),
            webhook,
            name: self.name,
        })
    }
}
