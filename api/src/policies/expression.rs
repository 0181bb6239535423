//! An expression of a policy, compiled, and what it may name.

use kube_cel::cel::IdedExpr;

/// What an expression may name.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Names<'a> {
    /// Whether there is `params`.
    pub(crate) params: bool,
    /// What is in `variables`; `None` where there is no such thing.
    pub(crate) variables: Option<&'a [Variable]>,
    /// Whether objects and patches can be made: `Object{}`, `JSONPatch{}`.
    pub(crate) types: bool,
    /// Whether it is a rule of a schema, about `self` and `oldSelf`.
    pub(crate) schema: bool,
}

/// What a piece of an expression costs each time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cost {
    /// Its nodes.
    pub(super) nodes: u64,
    /// How often it reads from a fact: each costs with the facts' size.
    pub(super) reads: u64,
}

/// An expression that can be evaluated.
#[derive(Debug)]
pub(crate) struct Expression {
    /// As it was written.
    pub(super) source: String,
    pub(super) tree: IdedExpr,
    /// What it costs outside of loops, which are metered as they run.
    pub(super) cost: Cost,
    /// How deep it nests, with the variables that it needs.
    pub(super) depth: usize,
    /// Whether it is about what a value was before.
    pub(crate) uses_old: bool,
}

/// An expression with a name, which later ones may use.
#[derive(Debug)]
pub(crate) struct Variable {
    pub(super) name: String,
    pub(super) value: Expression,
}
