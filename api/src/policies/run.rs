//! What the functions that an evaluation calls share: what is paid, and what has been computed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kube_cel::cel::objects::Opaque;
use kube_cel::cel::{Context, ExecutionError, FunctionContext, ResolveResult, Value as Cel};

use super::expression::{Expression, Variable};
use super::meter::Meter;
use super::question::{Authority, Question};

/// Where functions find the [`Run`] that they belong to.
const RUN: &str = "@run";

/// What the functions of an evaluation share.
pub(super) struct Run {
    pub(super) meter: Arc<Meter>,
    /// What it costs to read from the facts.
    pub(super) weight: u64,
    pub(super) variables: Arc<[Variable]>,
    /// The variables that have been computed.
    pub(super) known: Mutex<Vec<Option<ResolveResult>>>,
    pub(super) authority: Arc<dyn Authority>,
    pub(super) requested: Question,
}

impl Run {
    /// That to which a call of a function belongs.
    pub(super) fn of(call: &FunctionContext<'_, '_>) -> Result<Arc<Self>, ExecutionError> {
        let none = || ExecutionError::undeclared_reference(RUN);
        let run = call.ptx.get_variable(RUN).ok_or_else(none)?;
        let Cel::Opaque(run) = Cel::try_from(run.as_ref())? else {
            return Err(none());
        };
        let run = run.downcast_ref::<Handle>().ok_or_else(none)?;
        Ok(Arc::clone(&run.0))
    }

    /// Lets the functions that are called in a scope find it.
    pub(super) fn enter(self: &Arc<Self>, context: &mut Context<'_>) {
        let handle = Handle(Arc::clone(self));
        context.add_variable_from_value(RUN, Cel::Opaque(Arc::new(handle)));
    }

    /// Pays for that many nodes, and for that many reads from the facts.
    pub(super) fn pay(&self, nodes: u64, reads: u64) -> Result<(), ExecutionError> {
        let cost = reads.saturating_mul(self.weight).saturating_add(nodes);
        self.meter.charge(cost)
    }

    /// The value of a variable, which is computed when it is needed, once.
    pub(super) fn variable(&self, index: usize, context: &Context<'_>) -> ResolveResult {
        let known = self.known().get(index).cloned().flatten();
        if let Some(known) = known {
            return known;
        }
        let variable = self.variables.get(index);
        let variable = variable.ok_or_else(|| ExecutionError::undeclared_reference("variables"))?;
        // Not the names of the loop in which it is needed.
        let value = self.resolve(&variable.value, scope_of_run(context));
        if let Some(known) = self.known().get_mut(index) {
            *known = Some(value.clone());
        }
        value
    }

    fn known(&self) -> MutexGuard<'_, Vec<Option<ResolveResult>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The value of an expression, once it is paid for.
    pub(super) fn resolve(&self, expression: &Expression, context: &Context<'_>) -> ResolveResult {
        self.pay(expression.cost.nodes, expression.cost.reads)?;
        Cel::resolve(&expression.tree, context)
    }
}

/// The scope that is outside of all loops.
fn scope_of_run<'c>(context: &'c Context<'c>) -> &'c Context<'c> {
    match context {
        Context::Child {
            parent, variables, ..
        } if !variables.contains_key(RUN) => scope_of_run(parent),
        _ => context,
    }
}

/// A run as a value that expressions cannot name.
struct Handle(Arc<Run>);

impl PartialEq for Handle {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Handle {}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(RUN)
    }
}

impl Opaque for Handle {
    fn runtime_type_name(&self) -> &str {
        RUN
    }
}
