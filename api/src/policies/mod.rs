//! Policies in CEL, and the conditions of webhooks: what a request must be like, and what becomes of it
//! (<https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/>,
//! <https://kubernetes.io/docs/reference/access-authn-authz/mutating-admission-policy/>).
//!
//! In: the spec of a policy, compiled once; a request with its objects and parameters. Out: why it is refused, or the object as
//! the policy changes it.
//!
//! ```text
//!   text ──► compile: expression ──► rewrite: loops are metered, `variables.x` is looked up, `Object{}` is a map
//!                  │
//!   validating, mutating, conditions ──► evaluation (facts as CEL values, variables as they are needed) ──► verdict
//!                                            meter: what it may cost      functions: what CEL calls      authorizer
//!   typing: expressions, held against the types of what they are about      types: what operators take and give
//! ```

mod authorizer;
mod calls;
mod compile;
mod conditions;
mod evaluation;
mod expression;
mod functions;
mod meter;
mod mutating;
mod parser;
mod question;
mod rewrite;
mod run;
#[cfg(test)]
mod tests;
mod types;
mod typing;
mod validating;
mod values;
mod words;

pub use conditions::Conditions;
pub use evaluation::{Evaluation, Facts, Scene};
pub use mutating::{MutatingPolicy, NotMutated};
pub use question::{Authority, Question};
pub use typing::{Typed, type_warnings};
pub use validating::{Refusal, ValidatingPolicy};

pub(crate) use compile::wrong_with;
pub(crate) use expression::{Expression, Names, Variable};
pub(crate) use functions::converted;
pub(crate) use meter::{Meter, SPENT};
pub(crate) use parser::parse;
pub(crate) use types::Place;
pub(crate) use typing::wrong_types;
pub(crate) use values::{size, to_cel, to_optional};
