//! What ResourceQuotas count (<https://kubernetes.io/docs/concepts/policy/resource-quotas/>): pure, the same for the API
//! server that admits and for the controller that counts again.
//!
//! In: an object and its resource. Out: what it uses, by the names that `spec.hard` has, and whether a quota is about it.

mod names;
mod pods;
mod scopes;
mod usage;

pub use crate::amounts::{Amounts, add, amounts, shown, to_json};
pub use names::{counted_resource, is_count, is_of_claims, is_of_pods, is_standard};
pub use pods::{is_ended, unspecified};
pub use scopes::{SCOPES, matches};
pub use usage::usage;
