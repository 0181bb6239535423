//! Custom resources: what a CustomResourceDefinition makes of objects.
//!
//! In: a definition as it stands in the store. Out: a [`Descriptor`] for each version that is served, whose rules follow
//! from its schema.
//!
//! ```text
//!   definition ──► names (conditions: is it served?)
//!        └──► served() ──► Descriptor ──► CustomResource ──► conform (prune), default, validate, rules, columns
//!                                               └──► complete, prune (around a conversion), openapi (what clients are told)
//!   schema ──► cost: what its rules in CEL may cost, before there is any object
//! ```

mod columns;
pub(crate) mod cost;
mod default;
mod escape;
mod json_path;
mod names;
mod openapi;
mod prune;
mod resource;
mod rule;
pub(crate) mod rules;
mod shape;
mod shapes;
mod validate;
mod versions;

pub(crate) use escape::escape;
pub(crate) use json_path::JsonPath;
pub(crate) use names::{APPROVED, is_protected};
pub use names::{is_true, set_condition, status as naming_status};
pub use resource::CustomResource;
pub(crate) use resource::STRATEGY_WEBHOOK;
pub(crate) use shape::{Shape, pattern};
pub(crate) use validate::validate;
pub use versions::{served, version_order};

/// The finalizer that keeps a definition until its resources are gone.
pub const CLEANUP_FINALIZER: &str = "customresourcecleanup.apiextensions.k8s.io";

/// A field of what stands at a path.
fn child(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}
