//! The built-in kinds, one file or folder a kind: what it is called, and its [`crate::Strategy`].
//!
//! In: an object as a user or a component wrote it. Out: the object with defaults, what is wrong with it, its row in
//! `kubectl get`. Rules that several kinds share have files of their own.
//!
//! ```text
//!   builtin() ──► pod ─────────────┐
//!            ├──► deployment ──┐   │
//!            ├──► replica_set ─┼─► workload ──► pod_spec ──► common
//!            ├──► stateful_set ┘
//!            └──► service, config_map, … ──────────────────► common (fields with paths, defaults, checks, cells)
//! ```

mod common;
mod config_map;
mod controller_revision;
mod deployment;
mod endpoint_slice;
mod endpoints;
mod event;
mod lease;
mod namespace;
mod node;
mod persistent_volume;
mod persistent_volume_claim;
mod pod;
mod pod_spec;
mod replica_set;
mod secret;
mod service;
mod service_account;
mod stateful_set;
mod storage_class;
mod stored_data;
mod volume_rules;
mod workload;

use crate::Registry;

/// The registry of all built-in kinds.
pub fn builtin() -> Registry {
    Registry::new([
        config_map::descriptor(),
        controller_revision::descriptor(),
        deployment::descriptor(),
        endpoint_slice::descriptor(),
        endpoints::descriptor(),
        event::descriptor(),
        lease::descriptor(),
        namespace::descriptor(),
        node::descriptor(),
        persistent_volume::descriptor(),
        persistent_volume_claim::descriptor(),
        pod::descriptor(),
        replica_set::descriptor(),
        secret::descriptor(),
        service::descriptor(),
        service_account::descriptor(),
        stateful_set::descriptor(),
        storage_class::descriptor(),
    ])
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::Schema;

    #[test]
    fn every_kind_is_known_by_group_version_and_plural() {
        let registry = builtin();
        assert_eq!(registry.iter().count(), 18);
        for (group, plural, kind) in [
            ("", "pods", "Pod"),
            ("", "endpoints", "Endpoints"),
            ("", "persistentvolumeclaims", "PersistentVolumeClaim"),
            ("apps", "deployments", "Deployment"),
            ("discovery.k8s.io", "endpointslices", "EndpointSlice"),
            ("coordination.k8s.io", "leases", "Lease"),
            ("storage.k8s.io", "storageclasses", "StorageClass"),
        ] {
            let descriptor = registry.get(group, "v1", plural);
            assert_eq!(descriptor.map(|known| known.kind.as_ref()), Some(kind));
        }
    }

    #[test]
    fn every_kind_has_a_schema() {
        for descriptor in builtin().iter() {
            let name = &descriptor.type_name;
            assert!(Schema::of(name).is_some(), "{name}");
        }
    }

    #[test]
    fn no_kind_panics_on_odd_input_and_each_column_has_a_cell() {
        let odd = [
            json!(null),
            json!(1),
            json!([]),
            json!({}),
            json!({"metadata": [], "spec": "x", "status": 1, "data": 2, "subsets": [3], "ports": [null]}),
            json!({"metadata": {"labels": 1}, "spec": {"selector": 1, "template": [], "ports": [1, []]}}),
            json!({"spec": {"template": {"spec": 1, "metadata": 2}, "volumeClaimTemplates": [1, {"spec": []}]}}),
            json!({"spec": {"type": 1, "clusterIPs": {}, "strategy": [], "updateStrategy": 3, "capacity": [1]}}),
        ];
        for descriptor in builtin().iter() {
            let strategy = &descriptor.strategy;
            for object in &odd {
                let mut new = object.clone();
                strategy.default(&mut new);
                strategy.prepare_create(&mut new);
                strategy.prepare_update(&mut new, object);
                strategy.validate(&new);
                strategy.validate_update(&new, object);
                strategy.validate_status(&new, object);
                strategy.warnings(&new);
                strategy.selectable_field(&new, "status.phase");
                let cells = strategy.cells(&new, Timestamp::UNIX_EPOCH);
                assert_eq!(cells.len(), strategy.columns().len(), "{}", descriptor.kind);
            }
        }
    }
}
