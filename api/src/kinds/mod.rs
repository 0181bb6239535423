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

mod admission;
mod api_service;
mod certificate_signing_request;
mod common;
mod config_map;
mod controller_revision;
mod cron_job;
mod csi_driver;
mod csi_node;
mod csi_storage_capacity;
mod custom_resource_definition;
mod daemon_set;
mod deployment;
mod device;
mod endpoint_slice;
mod endpoints;
mod event;
mod event_v1;
mod flow_control;
mod horizontal_pod_autoscaler;
mod ingress;
mod ingress_class;
mod ip_address;
mod job;
mod lease;
mod limit_range;
mod namespace;
mod network_policy;
mod node;
mod persistent_volume;
mod persistent_volume_claim;
mod pod;
mod pod_disruption_budget;
mod pod_spec;
mod pod_template;
mod priority_class;
mod rbac;
mod replica_set;
mod replication_controller;
mod resource_quota;
mod runtime_class;
mod scale;
mod secret;
mod service;
mod service_account;
mod service_cidr;
mod stateful_set;
mod storage_class;
mod stored_data;
#[cfg(test)]
mod tests;
mod volume_attachment;
mod volume_attributes_class;
mod volume_rules;
mod workload;

pub use priority_class::SYSTEM_PRIORITY_CLASSES;
pub use scale::scale;

use crate::Registry;

/// The registry of all built-in kinds.
pub fn builtin() -> Registry {
    Registry::new([
        admission::mutating(),
        admission::mutating_policy(),
        admission::mutating_policy_binding(),
        admission::policy(),
        admission::policy_binding(),
        admission::validating(),
        api_service::descriptor(),
        certificate_signing_request::descriptor(),
        config_map::descriptor(),
        controller_revision::descriptor(),
        cron_job::descriptor(),
        csi_driver::descriptor(),
        csi_node::descriptor(),
        csi_storage_capacity::descriptor(),
        custom_resource_definition::descriptor(),
        daemon_set::descriptor(),
        deployment::descriptor(),
        device::claim(),
        device::claim_template(),
        device::class(),
        device::slice(),
        endpoint_slice::descriptor(),
        endpoints::descriptor(),
        event::descriptor(),
        event_v1::descriptor(),
        flow_control::flow_schema(),
        flow_control::priority_level(),
        horizontal_pod_autoscaler::descriptor(),
        horizontal_pod_autoscaler::v1::descriptor(),
        ingress::descriptor(),
        ingress_class::descriptor(),
        ip_address::descriptor(),
        job::descriptor(),
        lease::descriptor(),
        limit_range::descriptor(),
        namespace::descriptor(),
        network_policy::descriptor(),
        node::descriptor(),
        persistent_volume::descriptor(),
        persistent_volume_claim::descriptor(),
        pod::descriptor(),
        pod_disruption_budget::descriptor(),
        pod_template::descriptor(),
        priority_class::descriptor(),
        rbac::cluster_role(),
        rbac::cluster_role_binding(),
        rbac::role(),
        rbac::role_binding(),
        replica_set::descriptor(),
        resource_quota::descriptor(),
        replication_controller::descriptor(),
        runtime_class::descriptor(),
        secret::descriptor(),
        service::descriptor(),
        service_account::descriptor(),
        service_cidr::descriptor(),
        stateful_set::descriptor(),
        storage_class::descriptor(),
        volume_attachment::descriptor(),
        volume_attributes_class::descriptor(),
    ])
}
