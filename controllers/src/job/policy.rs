//! What the policies of a Job say about Pods that failed and indexes that succeeded.

use k8s_openapi::api::batch::v1::{
    Job, PodFailurePolicyOnExitCodesRequirement, PodFailurePolicyOnPodConditionsPattern,
    SuccessPolicyRule,
};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use skiff_api::IndexSet;

/// What becomes of a Job whose Pod has failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Consequence {
    /// The failure counts.
    Count,
    /// It does not.
    Ignore,
    /// The Pod's index has failed.
    FailIndex,
    /// The Job has failed, for this reason.
    FailJob(String),
}

/// What `podFailurePolicy` says about a failed Pod; the first rule that matches does.
pub(super) fn consequence(job: &Job, pod: &Pod) -> Consequence {
    let policy = job
        .spec
        .as_ref()
        .and_then(|spec| spec.pod_failure_policy.as_ref());
    let rules = policy
        .map(|policy| policy.rules.as_slice())
        .unwrap_or_default();
    for (index, rule) in rules.iter().enumerate() {
        let found = rule
            .on_exit_codes
            .as_ref()
            .and_then(|wanted| exit_code(pod, wanted));
        let patterns = rule.on_pod_conditions.as_deref().unwrap_or_default();
        let Some(what) = found.or_else(|| condition(pod, patterns)) else {
            continue;
        };
        return match rule.action.as_str() {
            "Ignore" => Consequence::Ignore,
            "FailIndex" => Consequence::FailIndex,
            "Count" => Consequence::Count,
            "FailJob" => {
                Consequence::FailJob(format!("{what} matching FailJob rule at index {index}"))
            }
            // An action of the future.
            _ => continue,
        };
    }
    Consequence::Count
}

fn name_of(pod: &Pod) -> String {
    format!("{}/{}", pod.namespace().unwrap_or_default(), pod.name_any())
}

fn exit_code(pod: &Pod, wanted: &PodFailurePolicyOnExitCodesRequirement) -> Option<String> {
    let status = pod.status.as_ref()?;
    let containers = status.container_statuses.iter().flatten();
    let all = containers.chain(status.init_container_statuses.iter().flatten());
    let named = |name: &str| {
        wanted
            .container_name
            .as_deref()
            .is_none_or(|one| one == name)
    };
    let ended = all.filter(|one| named(&one.name)).filter_map(|one| {
        let terminated = one.state.as_ref()?.terminated.as_ref()?;
        Some((&one.name, terminated.exit_code))
    });
    let mut failed = ended.filter(|(_, code)| *code != 0);
    let matches = |code: i32| wanted.values.contains(&code) == (wanted.operator == "In");
    let (container, code) = failed.find(|(_, code)| matches(*code))?;
    let pod = name_of(pod);
    Some(format!(
        "Container {container} for pod {pod} failed with exit code {code}"
    ))
}

fn condition(pod: &Pod, patterns: &[PodFailurePolicyOnPodConditionsPattern]) -> Option<String> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    let matches = |pattern: &&PodFailurePolicyOnPodConditionsPattern| {
        let mut conditions = conditions.iter();
        let status = pattern.status.as_deref().unwrap_or("True");
        conditions.any(|one| one.type_ == pattern.type_ && one.status == status)
    };
    let pattern = patterns.iter().find(matches)?;
    Some(format!(
        "Pod {} has condition {}",
        name_of(pod),
        pattern.type_
    ))
}

/// Whether enough indexes have succeeded to call the Job done, and by which rule of `successPolicy`.
pub(super) fn succeeds_by(job: &Job, succeeded: &IndexSet) -> Option<String> {
    let policy = job
        .spec
        .as_ref()
        .and_then(|spec| spec.success_policy.as_ref())?;
    let index = policy
        .rules
        .iter()
        .position(|rule| holds(rule, succeeded))?;
    Some(format!("Matched rules at index {index}"))
}

fn holds(rule: &SuccessPolicyRule, succeeded: &IndexSet) -> bool {
    let wanted = rule.succeeded_indexes.as_deref().and_then(IndexSet::parse);
    let has = match &wanted {
        Some(wanted) => wanted.count_common(succeeded),
        None => succeeded.count(),
    };
    match (rule.succeeded_count, wanted) {
        (Some(count), _) => usize::try_from(count).is_ok_and(|count| has >= count),
        (None, Some(wanted)) => has >= wanted.count(),
        (None, None) => false,
    }
}
