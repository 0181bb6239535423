//! The defaults of the volumes of a Pod.

use serde_json::{Value, json};

use super::container_defaults::{default_field_ref, pull_policy};
use super::volumes::SOURCES;
use crate::kinds::common::defaults::{default_nonzero, default_to, each, existing};
use crate::kinds::persistent_volume_claim as claim;

const READABLE_BY_ALL: i64 = 0o644;
const HOUR_IN_SECONDS: i64 = 3600;

/// The defaults of one volume.
pub(super) fn default_volume(volume: &mut Value) {
    if SOURCES.iter().all(|source| volume[*source].is_null()) {
        default_to(volume, "emptyDir", json!({}));
    }
    for kind in ["configMap", "downwardAPI", "projected", "secret"] {
        if let Some(source) = existing(volume, kind) {
            default_to(source, "defaultMode", READABLE_BY_ALL);
        }
    }
    if let Some(source) = existing(volume, "downwardAPI") {
        default_items(source);
    }
    if let Some(projected) = existing(volume, "projected") {
        each(projected, "sources").for_each(default_projection);
    }
    if let Some(source) = existing(volume, "hostPath")
        && source["type"].is_null()
    {
        source["type"] = "".into();
    }
    if let Some(source) = existing(volume, "image") {
        let policy = pull_policy(source["reference"].as_str().unwrap_or_default());
        default_to(source, "pullPolicy", policy);
    }
    let ephemeral = existing(volume, "ephemeral");
    let template = ephemeral.and_then(|source| existing(source, "volumeClaimTemplate"));
    template
        .and_then(|template| existing(template, "spec"))
        .map(claim::default_spec);
}

fn default_items(source: &mut Value) {
    for item in each(source, "items") {
        existing(item, "fieldRef").map(default_field_ref);
    }
}

fn default_projection(projection: &mut Value) {
    if let Some(token) = existing(projection, "serviceAccountToken") {
        default_nonzero(token, "expirationSeconds", HOUR_IN_SECONDS);
    }
    existing(projection, "downwardAPI").map(default_items);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults() {
        for (given, defaulted) in [
            (json!({"name": "a"}), json!({"name": "a", "emptyDir": {}})),
            (
                json!({"configMap": {"name": "a"}}),
                json!({"configMap": {"name": "a", "defaultMode": 420}}),
            ),
            (
                json!({"hostPath": {"path": "/a"}}),
                json!({"hostPath": {"path": "/a", "type": ""}}),
            ),
            (
                json!({"projected": {"sources": [
                    {"serviceAccountToken": {"path": "token"}},
                    {"downwardAPI": {"items": [{"path": "a", "fieldRef": {"fieldPath": "metadata.name"}}]}},
                ]}}),
                json!({"projected": {"defaultMode": 420, "sources": [
                    {"serviceAccountToken": {"path": "token", "expirationSeconds": 3600}},
                    {"downwardAPI": {"items": [
                        {"path": "a", "fieldRef": {"fieldPath": "metadata.name", "apiVersion": "v1"}},
                    ]}},
                ]}}),
            ),
        ] {
            let mut volume = given;
            default_volume(&mut volume);
            assert_eq!(volume, defaulted);
        }
    }
}
