//! Who is asked before an object is stored: webhooks, and policies with their bindings
//! (<https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/>).
//!
//! ```text
//!   webhook_configuration ──► rules, client_config, conditions
//!   policy, mutating_policy ─► policy_spec ─► rules (of what they match), conditions
//!   policy_binding
//! ```

mod client_config;
mod conditions;
mod mutating_policy;
mod policy;
mod policy_binding;
mod policy_spec;
mod rules;
mod webhook_configuration;

pub(super) use client_config::{
    check as check_client_config, check_port, default as default_client_config,
};
pub(super) use mutating_policy::descriptor as mutating_policy;
pub(super) use policy::descriptor as policy;
pub(super) use policy_binding::{
    mutating as mutating_policy_binding, validating as policy_binding,
};
pub(super) use webhook_configuration::{mutating, validating};

use serde_json::Value;

use super::common::{Field, checks, defaults};
use crate::field::Errors;

/// What becomes of a request whose webhook or policy fails.
const FAILURE_POLICIES: [&str; 2] = ["Fail", "Ignore"];
/// Whether others' changes are shown to who has been asked before them.
const REINVOCATION_POLICIES: [&str; 2] = ["IfNeeded", "Never"];
/// Whether a rule also means the same objects in other versions.
const MATCH_POLICIES: [&str; 2] = ["Equivalent", "Exact"];

/// Fills in the selectors of what is matched: those that are left out match everything.
fn default_matching(matching: &mut Value) {
    defaults::default_to(matching, "matchPolicy", "Equivalent");
    defaults::ensure(matching, "namespaceSelector");
    defaults::ensure(matching, "objectSelector");
}

/// The policy of matching and the two selectors.
fn check_matching(matching: &Field<'_>, errors: &mut Errors) {
    let policy = matching.get("matchPolicy");
    checks::one_of_if_set(&policy, &MATCH_POLICIES, errors);
    checks::label_selector(&matching.get("namespaceSelector"), errors);
    checks::label_selector(&matching.get("objectSelector"), errors);
}
