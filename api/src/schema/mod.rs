//! What the types of objects look like: their fields, the fields' types, and how they merge.
//!
//! ```text
//!   k8s-openapi's types ──► definitions (OpenAPI v2 JSON) ──┐   ┌──► check, prune
//!   facts.tsv (merge keys, list types)  ─────────────────┘  ├──► Schema ──► strategic merge
//!   a CustomResourceDefinition's schema ────────────────────┘
//! ```

mod check;
mod compile;
mod definitions;
mod facts;
mod node;
mod prune;
#[cfg(test)]
mod tests;
mod types;

pub use check::{Checked, FieldValidation};
pub use definitions::definitions;
pub use node::{ListType, MergeRule, Node, NodeType, Schema};
