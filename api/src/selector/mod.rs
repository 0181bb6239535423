//! Selectors: which objects, by their labels or fields.

mod field;
mod label;
mod parse;
#[cfg(test)]
mod tests;

pub use field::{FieldRequirement, FieldSelector};
pub use label::{Labels, Operator, Requirement, Selector};

/// A selector that cannot be read; the words are Kubernetes' own.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SelectorError(pub(crate) String);
