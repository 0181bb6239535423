//! What the status of a Job may say and become (`ValidateJobStatusUpdate`): with `managedBy` others than skiff write it as
//! well, and who waits for Jobs relies on it (KEP-4368). What a write leaves as it was is not judged.

use jiff::Timestamp;
use serde_json::Value;

use super::{is_indexed, row};
use crate::IndexSet;
use crate::field::{Error, ErrorKind, Errors};
use crate::kinds::common::{Field, checks, same};

/// The condition of a Job that is going to be complete.
const MET: &str = "SuccessCriteriaMet";

/// What is wrong with the step from the status of `old` to that of `new`.
pub(super) fn validate(new: &Value, old: &Value) -> Errors {
    let mut errors = Errors::new();
    let step = Step::of(new, old);
    let counts = ["active", "succeeded", "failed", "ready", "terminating"];
    checks::all_non_negative(&step.status, &counts, &mut errors);
    step.conditions(&mut errors);
    step.times(&mut errors);
    step.pods(&mut errors);
    step.indexes(&mut errors);
    errors
}

/// The step from one status to the next.
struct Step<'a> {
    new: &'a Value,
    old: &'a Value,
    status: Field<'a>,
}

impl<'a> Step<'a> {
    fn of(new: &'a Value, old: &'a Value) -> Self {
        let status = Field::root(new).get("status");
        Self { new, old, status }
    }

    fn is(&self, condition: &str) -> bool {
        row::has(self.new, condition)
    }

    fn was(&self, condition: &str) -> bool {
        row::has(self.old, condition)
    }

    /// Whether any of these conditions holds now and did not before, or the other way round.
    fn turned(&self, conditions: &[&str]) -> bool {
        let mut all = conditions.iter();
        all.any(|condition| self.is(condition) != self.was(condition))
    }

    fn changed(&self, name: &str) -> bool {
        !same(&self.new["status"][name], &self.old["status"][name])
    }

    fn is_finished(&self) -> bool {
        self.is("Complete") || self.is("Failed")
    }

    fn was_finished(&self) -> bool {
        self.was("Complete") || self.was("Failed")
    }

    fn conditions(&self, errors: &mut Errors) {
        let both = |one: &str, other: &str| self.is(one) && self.is(other);
        let without = |one: &str, other: &str| self.is(one) && !self.is(other);
        let spec = Field::root(self.new).get("spec");
        let is_late = self.was("Complete") && !self.was("SuccessCriteriaMet");
        let cases = [
            (
                self.turned(&["Complete", "Failed"]) && both("Complete", "Failed"),
                "cannot set Complete=True and Failed=true conditions",
            ),
            (
                self.turned(&["Complete", "FailureTarget"]) && both("Complete", "FailureTarget"),
                "cannot set Complete=True and FailureTarget=true conditions",
            ),
            (
                self.turned(&["Failed", "FailureTarget"]) && without("Failed", "FailureTarget"),
                "cannot set Failed=True condition without the FailureTarget=true condition",
            ),
            (
                self.turned(&["Complete", MET]) && without("Complete", MET),
                "cannot set Complete=True condition without the SuccessCriteriaMet=true condition",
            ),
            (
                both(MET, "Failed"),
                "cannot set SuccessCriteriaMet=True and Failed=true conditions",
            ),
            (
                both(MET, "FailureTarget"),
                "cannot set SuccessCriteriaMet=True and FailureTarget=true conditions",
            ),
            (
                spec.get("successPolicy").is_set() && without("Complete", MET),
                "cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True",
            ),
            (
                is_late && self.is(MET),
                "cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions",
            ),
        ];
        errors.extend(holding(cases).map(|words| self.wrong_conditions(words)));
        let lost = |condition: &str| self.was(condition) && !self.is(condition);
        for condition in ["Failed", "Complete", "FailureTarget"] {
            if lost(condition) {
                let words = format!("cannot disable the terminal {condition}=True condition");
                errors.push(self.wrong_conditions(words));
            }
        }
        if lost(MET) {
            errors.push(self.wrong_conditions(format!("cannot disable the {MET}=True condition")));
        }
    }

    /// They are not shown: there may be many.
    fn wrong_conditions(&self, words: impl Into<String>) -> Error {
        Error {
            kind: ErrorKind::Invalid,
            path: self.status.get("conditions").path().clone(),
            value: None,
            detail: words.into(),
        }
    }

    fn times(&self, errors: &mut Errors) {
        let (start, end) = (
            self.status.get("startTime"),
            self.status.get("completionTime"),
        );
        let ends = self.turned(&["Complete"]) || self.changed("completionTime");
        let moves = self.changed("startTime") || self.changed("completionTime");
        let time = |field: &Field<'_>| field.str().parse::<Timestamp>().ok();
        let is_before = time(&end)
            .zip(time(&start))
            .is_some_and(|(end, start)| end < start);
        let had = |name: &str| !self.old["status"][name].is_null();
        let wrong = [
            (
                ends && end.is_set() && !self.is("Complete"),
                "cannot set completionTime when there is no Complete=True condition",
            ),
            (
                moves && is_before,
                "completionTime cannot be set before startTime",
            ),
            (
                end.is_set() && had("completionTime") && self.changed("completionTime"),
                "completionTime cannot be mutated",
            ),
        ];
        errors.extend(holding(wrong).map(|words| end.invalid(words)));
        if ends && self.is("Complete") && !end.is_set() {
            errors.push(end.required("completionTime is required for Complete jobs"));
        }
        let finishes = self.is_finished() && (!self.was_finished() || self.changed("startTime"));
        let runs = self.new["spec"]["suspend"] != true;
        let missing = [
            (
                finishes && !start.is_set(),
                "startTime is required for finished job",
            ),
            (
                runs && had("startTime") && self.changed("startTime"),
                "startTime cannot be removed for unsuspended job",
            ),
        ];
        errors.extend(holding(missing).map(|words| start.required(words)));
    }

    fn pods(&self, errors: &mut Errors) {
        let count = |name: &str| self.status.get(name).int().unwrap_or(0);
        let shrinks = |name: &str| count(name) < self.old["status"][name].as_i64().unwrap_or(0);
        let remains =
            |name: &str| self.is_finished() && (!self.was_finished() || self.changed(name));
        let spec = Field::root(self.new).get("spec");
        let size = |name: &str| spec.get(name).int();
        // Such a Job may be made smaller (KEP-3715).
        let is_elastic = is_indexed(&spec) && size("completions") == size("parallelism");
        let cases = [
            (
                "active",
                remains("active") && count("active") > 0,
                "active>0 is invalid for finished job",
            ),
            (
                "terminating",
                remains("terminating") && count("terminating") > 0,
                "terminating>0 is invalid for finished job",
            ),
            (
                "ready",
                (self.changed("ready") || self.changed("active"))
                    && count("ready") > count("active"),
                "cannot set more ready pods than active",
            ),
            (
                "failed",
                shrinks("failed"),
                "cannot decrease the failed counter",
            ),
            (
                "succeeded",
                shrinks("succeeded") && !is_elastic,
                "cannot decrease the succeeded counter",
            ),
        ];
        for (name, is_wrong, words) in cases {
            if is_wrong {
                let path = self.status.get(name).path().clone();
                errors.push(Error::invalid(&path, count(name), words));
            }
        }
        let uncounted = self.status.get("uncountedTerminatedPods");
        let mut lists = ["succeeded", "failed"].iter();
        if remains("uncountedTerminatedPods") && lists.any(|list| !uncounted.get(list).is_empty()) {
            errors.push(
                uncounted.invalid("uncountedTerminatedPods needs to be empty for finished job"),
            );
        }
    }

    fn indexes(&self, errors: &mut Errors) {
        let spec = Field::root(self.new).get("spec");
        let completions = spec.get("completions").int();
        let [completed, failed] =
            ["completedIndexes", "failedIndexes"].map(|name| self.status.get(name));
        let [is_completed_changed, is_failed_changed] =
            ["completedIndexes", "failedIndexes"].map(|name| self.changed(name));
        if is_completed_changed && !completed.str().is_empty() && !is_indexed(&spec) {
            let words = "cannot set non-empty completedIndexes when non-indexed completion mode";
            errors.push(completed.invalid(words));
        }
        if is_failed_changed && failed.is_set() && !spec.get("backoffLimitPerIndex").is_set() {
            let words = "cannot set non-null failedIndexes when backoffLimitPerIndex is null";
            errors.push(failed.invalid(words));
        }
        let Some(completions) = completions else {
            return;
        };
        let sets = [
            (&completed, is_completed_changed),
            (&failed, is_failed_changed),
        ];
        for (field, _) in sets.iter().filter(|(_, changed)| *changed) {
            if parsed(field, completions).is_none() {
                let name = field.path().to_string().replace("status.", "");
                let words = format!(
                    "error parsing {name}: must be increasing intervals from 0 to {}",
                    completions - 1
                );
                errors.push(field.invalid(words));
            }
        }
        let both = parsed(&completed, completions).zip(parsed(&failed, completions));
        let common = both.and_then(|(completed, failed)| completed.first_common(&failed));
        if let Some(index) = common.filter(|_| is_completed_changed || is_failed_changed) {
            let words = format!("failedIndexes and completedIndexes overlap at index: {index}");
            errors.push(failed.invalid(words));
        }
    }
}

/// The words of the cases that hold.
fn holding<const N: usize>(cases: [(bool, &'static str); N]) -> impl Iterator<Item = &'static str> {
    let held = cases.into_iter().filter(|(holds, _)| *holds);
    held.map(|(_, words)| words)
}

/// The indexes in a field, all below `completions`; nothing is none of them.
fn parsed(field: &Field<'_>, completions: i64) -> Option<IndexSet> {
    let set = IndexSet::parse(field.str())?;
    let is_within = set.last().is_none_or(|last| i64::from(last) < completions);
    is_within.then_some(set)
}
