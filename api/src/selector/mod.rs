//! Selectors: which objects, by their labels or fields.

mod field;
mod label;
mod parse;
mod requirement;
#[cfg(test)]
mod tests;

pub use field::{FieldRequirement, FieldSelector};
pub use label::Selector;
pub use requirement::{Labels, Operator, Requirement};

/// A selector that cannot be read; the words are Kubernetes' own.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SelectorError(pub(crate) String);
