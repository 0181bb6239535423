//! The rules of PodSpec and PodTemplateSpec, which Pods and all workloads share.
//!
//! ```text
//!   defaults ──► mod::validate ──► containers ──► env, handlers, mounts, ports, resources, security
//!                              ├─► volumes ──► volume_files (and volume_defaults)
//!                              ├─► scheduling ──► affinity ──► label_keys
//!                              └─► network        update: the step from one PodSpec to the next
//! ```

mod affinity;
mod container_defaults;
mod containers;
mod defaults;
mod env;
mod handlers;
mod label_keys;
mod mounts;
mod network;
mod ports;
mod resize_policy;
mod resources;
mod scheduling;
mod security;
mod update;
mod volume_defaults;
mod volume_files;
mod volumes;
mod warnings;

pub(crate) use affinity::node_selector;
pub(crate) use defaults::{default_pod, default_template};
pub(crate) use scheduling::{merge_label_keys, taints, tolerations};
pub(crate) use update::{validate_ephemeral_update, validate_update};
pub(crate) use volumes::{host_path, nfs};
pub(crate) use warnings::warnings;

use super::common::{Field, checks};
use crate::field::Errors;
use crate::names;

/// What is wrong with a PodSpec (`ValidatePodSpec`). `claims` are names of volumes that a StatefulSet adds.
pub(crate) fn validate(spec: &Field<'_>, claims: &[&str], errors: &mut Errors) {
    volumes::validate(&spec.get("volumes"), errors);
    containers::validate(spec, claims, errors);
    life(spec, errors);
    network::validate(spec, errors);
    scheduling::validate(spec, errors);
    security::validate_pod(spec, errors);
    resources::validate_shared(spec, errors);
    let account = spec.get("serviceAccountName");
    checks::name(&account, names::dns_subdomain, errors);
    for class in ["priorityClassName", "runtimeClassName"] {
        checks::name(&spec.get(class), names::dns_subdomain, errors);
    }
    checks::one_of_if_set(&spec.get("os").get("name"), &["linux", "windows"], errors);
}

/// What is wrong with the template of a workload; its Pods live until the workload ends them, so they always restart.
pub(crate) fn validate_template(
    template: &Field<'_>,
    workload: &str,
    claims: &[&str],
    errors: &mut Errors,
) {
    validate_job_template(template, claims, errors);
    let spec = template.get("spec");
    let restart = spec.get("restartPolicy");
    if restart.str() != "Always" {
        errors.push(restart.not_supported(&["Always"]));
    }
    let deadline = spec.get("activeDeadlineSeconds");
    if deadline.is_set() {
        let words = format!("activeDeadlineSeconds in {workload} is not Supported");
        errors.push(deadline.forbidden(words));
    }
}

/// What is wrong with any template; those of Jobs may end and need not restart.
pub(crate) fn validate_job_template(template: &Field<'_>, claims: &[&str], errors: &mut Errors) {
    let metadata = template.get("metadata");
    let of_template =
        |name: &str| Field::at(template.path().child(name), metadata.get(name).value());
    checks::labels(&of_template("labels"), errors);
    checks::annotations(&of_template("annotations"), errors);
    let spec = template.get("spec");
    validate(&spec, claims, errors);
    let ephemeral = spec.get("ephemeralContainers");
    if !ephemeral.is_empty() {
        errors.push(ephemeral.forbidden("ephemeral containers not allowed in pod template"));
    }
}

fn life(spec: &Field<'_>, errors: &mut Errors) {
    let restart = spec.get("restartPolicy");
    checks::one_of(&restart, &["Always", "OnFailure", "Never"], errors);
    let deadline = spec.get("activeDeadlineSeconds");
    checks::in_range(&deadline, 1..=i64::from(i32::MAX), errors);
    for gate in spec.get("readinessGates").items() {
        checks::must_follow(&gate.get("conditionType"), names::qualified_name, errors);
    }
    let mut seen = checks::Seen::new();
    for gate in spec.get("schedulingGates").items() {
        let name = Field::at(gate.path().clone(), gate.get("name").value());
        checks::must_follow(&name, names::qualified_name, errors);
        seen.add(name.str(), &name, errors);
    }
}
