//! What is wrong with the policies by which a Job fails or succeeds early.

use serde_json::Value;

use super::is_indexed;
use crate::IndexSet;
use crate::field::{Error, Errors};
use crate::kinds::common::{Field, checks};

const MOST_RULES: usize = 20;
const MOST_EXIT_CODES: usize = 255;
const MOST_CONDITIONS: usize = 20;
const ACTIONS: [&str; 4] = ["Count", "FailIndex", "FailJob", "Ignore"];

/// A `podFailurePolicy` (<https://kubernetes.io/docs/concepts/workloads/controllers/job/#pod-failure-policy>).
pub(super) fn failure(spec: &Field<'_>, policy: &Field<'_>, errors: &mut Errors) {
    let restart = spec.get("template").get("spec").get("restartPolicy");
    if restart.str() != "Never" {
        let words = "only \"Never\" is supported when podFailurePolicy is specified";
        errors.push(restart.invalid(words));
    }
    let rules = policy.get("rules");
    at_most(&rules, MOST_RULES, errors);
    rules
        .items()
        .for_each(|rule| failure_rule(spec, &rule, errors));
}

fn failure_rule(spec: &Field<'_>, rule: &Field<'_>, errors: &mut Errors) {
    let action = rule.get("action");
    checks::one_of(&action, &ACTIONS, errors);
    if action.str() == "FailIndex" && !spec.get("backoffLimitPerIndex").is_set() {
        errors.push(action.invalid("requires the backoffLimitPerIndex to be set"));
    }
    let (codes, conditions) = (rule.get("onExitCodes"), rule.get("onPodConditions"));
    if codes.is_set() {
        exit_codes(spec, &codes, errors);
    }
    at_most(&conditions, MOST_CONDITIONS, errors);
    for pattern in conditions.items() {
        checks::required(&pattern.get("type"), errors);
        checks::one_of(
            &pattern.get("status"),
            &["False", "True", "Unknown"],
            errors,
        );
    }
    match (codes.is_set(), !conditions.is_empty()) {
        (true, true) => errors
            .push(rule.invalid("specifying both OnExitCodes and OnPodConditions is not supported")),
        (false, false) => errors
            .push(rule.invalid("specifying one of OnExitCodes and OnPodConditions is required")),
        _ => {}
    }
}

fn exit_codes(spec: &Field<'_>, codes: &Field<'_>, errors: &mut Errors) {
    let (operator, values) = (codes.get("operator"), codes.get("values"));
    checks::one_of(&operator, &["In", "NotIn"], errors);
    let container = codes.get("containerName");
    let pod = spec.get("template").get("spec");
    let mut containers = ["containers", "initContainers"]
        .into_iter()
        .flat_map(|list| pod.get(list).items());
    if container.is_set() && !containers.any(|one| one.get("name").str() == container.str()) {
        let words = "must be one of the container or initContainer names in the pod template";
        errors.push(container.invalid(words));
    }
    if values.is_empty() {
        errors.push(values.invalid("at least one value is required"));
    }
    at_most(&values, MOST_EXIT_CODES, errors);
    let mut seen = checks::Seen::new();
    for value in values.items() {
        seen.add(value.int(), &value, errors);
        if operator.str() == "In" && value.int() == Some(0) {
            errors.push(value.invalid("must not be 0 for the In operator"));
        }
    }
    let numbers: Vec<_> = values.items().map(|value| value.int()).collect();
    if !numbers.is_sorted() {
        errors.push(values.invalid("must be ordered"));
    }
}

/// A `successPolicy` (<https://kubernetes.io/docs/concepts/workloads/controllers/job/#success-policy>).
pub(super) fn success(spec: &Field<'_>, policy: &Field<'_>, errors: &mut Errors) {
    if !is_indexed(spec) {
        errors.push(policy.invalid("requires indexed completion mode"));
        return;
    }
    let rules = policy.get("rules");
    if rules.is_empty() {
        let words = "at least one rules must be specified when the successPolicy is specified";
        errors.push(rules.required(words));
    }
    at_most(&rules, MOST_RULES, errors);
    let completions = spec.get("completions").int().unwrap_or_default();
    rules
        .items()
        .for_each(|rule| success_rule(&rule, completions, errors));
}

fn success_rule(rule: &Field<'_>, completions: i64, errors: &mut Errors) {
    let (count, indexes) = (rule.get("succeededCount"), rule.get("succeededIndexes"));
    if !count.is_set() && !indexes.is_set() {
        let words = "at least one of succeededCount or succeededIndexes must be specified";
        errors.push(rule.required(words));
    }
    let within = |set: &IndexSet| set.last().is_none_or(|last| i64::from(last) < completions);
    let named = indexes
        .is_set()
        .then(|| IndexSet::parse(indexes.str()))
        .flatten();
    let named = named.filter(|set| !set.is_empty() && within(set));
    if indexes.is_set() && named.is_none() {
        let words = format!(
            "error parsing succeededIndexes: must be increasing intervals from 0 to {}",
            completions - 1
        );
        errors.push(indexes.invalid(words));
    }
    checks::non_negative(&count, errors);
    let wanted = count.int().unwrap_or_default();
    if wanted > completions {
        errors.push(count.invalid(format!(
            "must be less than or equal to {completions} (the number of specified completions)"
        )));
    }
    let named = named.map(|set| set.count());
    if let Some(total) =
        named.filter(|total| usize::try_from(wanted).is_ok_and(|wanted| wanted > *total))
    {
        errors.push(count.invalid(format!(
            "must be less than or equal to {total} (the number of indexes in the specified succeededIndexes field)"
        )));
    }
}

fn at_most(list: &Field<'_>, most: usize, errors: &mut Errors) {
    let count = list.value().as_array().map_or(0, Vec::<Value>::len);
    if count > most {
        errors.push(Error::too_many(list.path(), count, most));
    }
}
