//! What the evaluation of a policy, or of the rules of a schema, may cost (KEP-3488: limits for each expression and for all
//! of a policy; KEP-2876: the same for all rules of an object).
//!
//! A unit is one node of an expression that is evaluated once. Whatever takes more with its input costs more: reading a
//! field of an object as much as a tenth of the object's size, joining texts or lists a tenth of what comes out.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use kube_cel::cel::ExecutionError;

/// For one expression with the variables that it needs (PerCallLimit).
const PER_EXPRESSION: u64 = 1_000_000;
/// For all expressions of a policy, with one binding and one parameter, and for all rules of an object
/// (RuntimeCELCostBudget).
const PER_POLICY: u64 = 10_000_000;
/// What is not foreseen ends as well: no loop goes on after that time.
const LONGEST: Duration = Duration::from_secs(5);

/// Why an expression ends that costs too much.
pub(crate) const SPENT: &str = "operation cancelled: actual cost limit exceeded";

/// Counts what an evaluation costs. Who has spent all gets nothing more, also where CEL would forgive an error.
#[derive(Debug)]
pub(crate) struct Meter {
    of_policy: AtomicU64,
    of_expression: AtomicU64,
    is_spent: AtomicBool,
    has_run_out: AtomicBool,
    end: Instant,
}

impl Meter {
    pub(crate) fn new() -> Self {
        Self {
            of_policy: AtomicU64::new(PER_POLICY),
            of_expression: AtomicU64::new(PER_EXPRESSION),
            is_spent: AtomicBool::new(false),
            has_run_out: AtomicBool::new(false),
            end: Instant::now() + LONGEST,
        }
    }

    /// The next expression begins.
    pub(super) fn begin(&self) {
        self.of_expression.store(PER_EXPRESSION, Ordering::Relaxed);
        self.is_spent.store(false, Ordering::Relaxed);
    }

    /// Whether there was not enough for the expression.
    pub(crate) fn is_spent(&self) -> bool {
        self.is_spent.load(Ordering::Relaxed)
    }

    /// Whether there is not enough for any other expression either.
    pub(crate) fn has_run_out(&self) -> bool {
        self.has_run_out.load(Ordering::Relaxed)
    }

    /// Takes that much; an error if there is not enough, now and from then on.
    pub(super) fn charge(&self, cost: u64) -> Result<(), ExecutionError> {
        if !self.is_spent() && take(&self.of_expression, cost) {
            if take(&self.of_policy, cost) && Instant::now() < self.end {
                return Ok(());
            }
            self.has_run_out.store(true, Ordering::Relaxed);
        }
        self.is_spent.store(true, Ordering::Relaxed);
        Err(ExecutionError::function_error("cost", SPENT))
    }
}

fn take(from: &AtomicU64, cost: u64) -> bool {
    let rest = |left: u64| left.checked_sub(cost);
    from.fetch_update(Ordering::Relaxed, Ordering::Relaxed, rest)
        .is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_gets_its_share_and_a_policy_its_sum() {
        let meter = Meter::new();
        for _ in 0..10 {
            meter.begin();
            assert!(meter.charge(PER_EXPRESSION).is_ok());
            assert!(meter.charge(1).is_err());
            assert!(meter.is_spent() && !meter.has_run_out());
        }
        meter.begin();
        assert!(!meter.is_spent());
        assert!(meter.charge(1).is_err(), "the policy has spent all");
        assert!(meter.has_run_out());
    }

    #[test]
    fn who_could_not_pay_gets_nothing_more() {
        let meter = Meter::new();
        assert!(meter.charge(PER_EXPRESSION + 1).is_err());
        assert!(meter.charge(0).is_err());
    }
}
