//! What a namespace says of its own deletion (core/v1 NamespaceCondition).

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Namespace, NamespaceCondition};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::plan::Remaining;

/// The conditions after an attempt to empty it: `failures` are the deletions that were refused.
pub(super) fn conditions(
    namespace: &Namespace,
    remaining: &[Remaining],
    failures: &[String],
    now: Timestamp,
) -> Vec<NamespaceCondition> {
    let mut all = vec![
        condition(
            "NamespaceDeletionDiscoveryFailure",
            Err((
                "ResourcesDiscovered",
                "All resources successfully discovered".to_owned(),
            )),
        ),
        condition(
            "NamespaceDeletionGroupVersionParsingFailure",
            Err((
                "ParsedGroupVersions",
                "All legacy kube types successfully parsed".to_owned(),
            )),
        ),
        condition("NamespaceDeletionContentFailure", content_failure(failures)),
        condition("NamespaceContentRemaining", content(remaining)),
        condition("NamespaceFinalizersRemaining", finalizers(remaining)),
    ];
    let status = namespace.status.as_ref();
    let old = status
        .and_then(|status| status.conditions.as_deref())
        .unwrap_or_default();
    for new in &mut all {
        let same = old
            .iter()
            .find(|old| old.type_ == new.type_ && old.status == new.status);
        new.last_transition_time = same
            .and_then(|old| old.last_transition_time.clone())
            .or(Some(Time(now)));
    }
    all
}

/// `Ok` is a condition that holds, `Err` one that does not; both have a reason and a message.
type Verdict = Result<(&'static str, String), (&'static str, String)>;

fn condition(type_: &str, verdict: Verdict) -> NamespaceCondition {
    let status = if verdict.is_ok() { "True" } else { "False" };
    let (reason, message) = verdict.unwrap_or_else(|not| not);
    NamespaceCondition {
        type_: type_.to_owned(),
        status: status.to_owned(),
        reason: Some(reason.to_owned()),
        message: Some(message),
        last_transition_time: None,
    }
}

fn content_failure(failures: &[String]) -> Verdict {
    if failures.is_empty() {
        let message = "All content successfully deleted, may be waiting on finalization";
        return Err(("ContentDeleted", message.to_owned()));
    }
    let message = format!(
        "Failed to delete all resource types, {} remaining: {}",
        failures.len(),
        failures.join(", ")
    );
    Ok(("ContentDeletionFailed", message))
}

fn content(remaining: &[Remaining]) -> Verdict {
    if remaining.is_empty() {
        return Err((
            "ContentRemoved",
            "All content successfully removed".to_owned(),
        ));
    }
    let each: Vec<String> = remaining
        .iter()
        .map(|one| format!("{} has {} resource instances", one.resource, one.count))
        .collect();
    Ok((
        "SomeResourcesRemain",
        format!("Some resources are remaining: {}", each.join(", ")),
    ))
}

fn finalizers(remaining: &[Remaining]) -> Verdict {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for finalizer in remaining.iter().flat_map(|one| &one.finalizers) {
        *counts.entry(finalizer).or_default() += 1;
    }
    if counts.is_empty() {
        return Err((
            "ContentHasNoFinalizers",
            "All content-preserving finalizers finished".to_owned(),
        ));
    }
    let each: Vec<String> = counts
        .iter()
        .map(|(name, count)| format!("{name} in {count} resource instances"))
        .collect();
    Ok((
        "SomeFinalizersRemain",
        format!(
            "Some content in the namespace has finalizers remaining: {}",
            each.join(", ")
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(remaining: &[Remaining], failures: &[String]) -> Vec<String> {
        conditions(
            &Namespace::default(),
            remaining,
            failures,
            Timestamp::UNIX_EPOCH,
        )
        .iter()
        .skip(2)
        .map(|one| {
            format!(
                "{} {}: {}",
                one.status,
                one.reason.as_ref().unwrap(),
                one.message.as_ref().unwrap()
            )
        })
        .collect()
    }

    #[test]
    fn what_is_left_is_told() {
        assert_eq!(
            told(&[], &[]),
            [
                "False ContentDeleted: All content successfully deleted, may be waiting on finalization",
                "False ContentRemoved: All content successfully removed",
                "False ContentHasNoFinalizers: All content-preserving finalizers finished",
            ]
        );
        let remaining = [
            Remaining {
                resource: "pods.".into(),
                count: 2,
                finalizers: vec!["example.com/a".into(); 2],
            },
            Remaining {
                resource: "deployments.apps".into(),
                count: 1,
                finalizers: vec![],
            },
        ];
        assert_eq!(
            told(&remaining, &["no".into()]),
            [
                "True ContentDeletionFailed: Failed to delete all resource types, 1 remaining: no",
                "True SomeResourcesRemain: Some resources are remaining: pods. has 2 resource instances, \
                 deployments.apps has 1 resource instances",
                "True SomeFinalizersRemain: Some content in the namespace has finalizers remaining: \
                 example.com/a in 2 resource instances",
            ]
        );
    }
}
