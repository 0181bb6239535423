//! What a rule in CEL may cost at most, told from the schema alone: how long its texts, lists and maps may become. A unit is
//! what the evaluator of Kubernetes counts, so that the same rules are refused
//! (<https://kubernetes.io/docs/reference/using-api/cel/#resource-constraints>).
//!
//! ```text
//!   rule ──► estimate: walks the expression ──► cost of one evaluation
//!                 └── known: what may stand where, by the schema ──► size: how long, how often
//! ```

mod calls;
mod estimate;
mod known;
mod size;

pub(crate) use estimate::of_expression;
pub(crate) use size::most_often;
