//! Webhooks as they stand in a configuration.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;
use serde_json::Value;
use skiff_api::Selector;
use skiff_api::field::Path;
use skiff_store::Store;

use super::hook::Hook;
use super::rule::Rule;
use crate::remote::{Remotes, ServicePort, Trust};

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
    failure_policy: String,
    #[serde(default)]
    namespace_selector: Value,
    #[serde(default)]
    object_selector: Value,
    side_effects: String,
    timeout_seconds: u64,
    admission_review_versions: Vec<String>,
    #[serde(default)]
    reinvocation_policy: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ClientConfig {
    url: Option<String>,
    service: Option<Service>,
    /// PEM in base64.
    #[serde(default)]
    ca_bundle: String,
}

#[derive(Deserialize)]
struct Service {
    namespace: String,
    name: String,
    #[serde(default)]
    path: String,
    port: u16,
}

/// Why the webhooks of a configuration cannot be called.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unusable {
    #[error("the configuration cannot be read")]
    Read(#[source] serde_json::Error),
    #[error("the caBundle of {name} is no base64")]
    Bundle {
        name: String,
        #[source]
        source: base64::DecodeError,
    },
    #[error("TLS to {name} cannot be set up")]
    Tls {
        name: String,
        #[source]
        source: rustls::Error,
    },
}

/// Reads a stored configuration.
pub(super) fn read(
    bytes: &[u8],
    store: &Store,
    remotes: &Remotes,
) -> Result<Vec<Arc<Hook>>, Unusable> {
    let stored: Stored = serde_json::from_slice(bytes).map_err(Unusable::Read)?;
    let hooks = stored.webhooks.into_iter();
    hooks
        .map(|hook| hook.ready(store, remotes).map(Arc::new))
        .collect()
}

impl StoredHook {
    fn ready(self, store: &Store, remotes: &Remotes) -> Result<Hook, Unusable> {
        let bundle = BASE64.decode(&self.client_config.ca_bundle);
        let trust = Trust {
            authorities_pem: bundle.map_err(|source| Unusable::Bundle {
                name: self.name.clone(),
                source,
            })?,
            ..Trust::default()
        };
        let seconds = self.timeout_seconds;
        let (place, remote) = match self.client_config.service {
            Some(service) => {
                let path = service.path;
                let slash = if path.starts_with('/') { "" } else { "/" };
                let port = ServicePort {
                    namespace: service.namespace,
                    name: service.name,
                    port: service.port,
                };
                let place = format!("https://{}:{}{slash}{path}", port.host(), port.port);
                (place, remotes.of_service(store, &port, &trust))
            }
            None => {
                let url = self.client_config.url.unwrap_or_default();
                (url, remotes.of_url(&trust))
            }
        };
        let remote = remote.map_err(|source| Unusable::Tls {
            name: self.name.clone(),
            source,
        })?;
        let mut versions = self.admission_review_versions.iter();
        let known = |version: &String| REVIEW_VERSIONS.into_iter().find(|known| known == version);
        Ok(Hook {
            rules: self.rules,
            namespaces: selector(&self.namespace_selector),
            objects: selector(&self.object_selector),
            ignores_failure: self.failure_policy == "Ignore",
            takes_dry_runs: matches!(self.side_effects.as_str(), "None" | "NoneOnDryRun"),
            reinvoked: self.reinvocation_policy == "IfNeeded",
            timeout: Duration::from_secs(seconds),
            review_version: versions.find_map(known).unwrap_or(REVIEW_VERSIONS[0]),
            url: format!("{place}?timeout={seconds}s"),
            remote,
            name: self.name,
        })
    }
}

/// A selector that was found sound when it was stored.
fn selector(stored: &Value) -> Selector {
    Selector::from_object(stored, &Path::root("selector")).unwrap_or_else(|_| Selector::nothing())
}
