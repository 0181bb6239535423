//! Which Pods make room for one of higher priority: a pure function
//! (<https://kubernetes.io/docs/concepts/scheduling-eviction/pod-priority-preemption/>).

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use skiff_api::Selector;
use skiff_client::ObjectKey;

use crate::cache::nominated_node;
use crate::cluster::{Cluster, Incoming};
use crate::node_info::{NodeInfo, priority};
use crate::place::{Checks, Unschedulable, counted};

/// As many Nodes are looked at for victims at most (kube-scheduler's minCandidateNodesAbsolute).
const MOST_CANDIDATES: usize = 100;

/// A Node, and the Pods that have to leave it.
#[derive(Clone, Debug)]
pub(crate) struct Preemption {
    pub(crate) node: String,
    pub(crate) victims: Vec<Arc<Pod>>,
    /// How many of them a budget would keep.
    violations: usize,
}

/// Where room is made for a Pod that found none; else why not, as `FailedScheduling` says it.
pub(crate) fn preempt(
    incoming: &Incoming,
    cluster: &Cluster,
    refused: &Unschedulable,
    budgets: &[PodDisruptionBudget],
) -> Result<Preemption, String> {
    if let Some(why) = not_eligible(&incoming.pod, cluster) {
        return Err(why.to_owned());
    }
    let mut best: Option<Preemption> = None;
    let is_candidate = |node: &&Arc<NodeInfo>| refused.candidates.contains(node.name());
    let candidates = cluster.nodes.iter().filter(is_candidate);
    for node in candidates.take(MOST_CANDIDATES) {
        let Some(found) = victims(incoming, cluster, node, budgets) else {
            continue;
        };
        if best.as_ref().is_none_or(|best| cost(&found) < cost(best)) {
            best = Some(found);
        }
    }
    best.ok_or_else(|| no_way_out(refused))
}

fn no_way_out(refused: &Unschedulable) -> String {
    let candidates = refused.candidates.len();
    let reasons = [
        ("No preemption victims found for incoming pod", candidates),
        (
            "Preemption is not helpful for scheduling",
            refused.nodes - candidates,
        ),
    ];
    let reasons: BTreeMap<String, usize> = reasons
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(reason, count)| (reason.to_owned(), count))
        .collect();
    let total = refused.nodes;
    format!("0/{total} nodes are available: {}.", counted(&reasons))
}

fn not_eligible(pod: &Pod, cluster: &Cluster) -> Option<&'static str> {
    let spec = pod.spec.as_ref();
    if spec.and_then(|spec| spec.preemption_policy.as_deref()) == Some("Never") {
        return Some("not eligible due to preemptionPolicy=Never.");
    }
    let nominated = nominated_node(pod)?;
    let node = cluster.nodes.iter().find(|node| node.name() == nominated)?;
    let is_leaving = |other: &Arc<Pod>| {
        other.metadata.deletion_timestamp.is_some() && priority(other) < priority(pod)
    };
    node.pods
        .values()
        .any(is_leaving)
        .then_some("not eligible due to a terminating pod on the nominated node.")
}

/// The fewest and least of the Node's Pods without which the incoming one fits.
fn victims(
    incoming: &Incoming,
    cluster: &Cluster,
    node: &NodeInfo,
    budgets: &[PodDisruptionBudget],
) -> Option<Preemption> {
    let own = priority(&incoming.pod);
    let mut lower: Vec<Arc<Pod>> = node
        .pods
        .values()
        .filter(|pod| priority(pod) < own)
        .cloned()
        .collect();
    if lower.is_empty() {
        return None;
    }
    let mut left = node.clone();
    lower
        .iter()
        .for_each(|pod| left.remove(&ObjectKey::of(&**pod)));
    if !fits(incoming, cluster, &left) {
        return None;
    }
    // The more important a Pod is, the sooner it is spared; those that a budget keeps before all others.
    lower.sort_by_key(|pod| importance(pod));
    let (kept, free) = by_budgets(lower, budgets);
    let mut preemption = Preemption {
        node: node.name().to_owned(),
        victims: Vec::new(),
        violations: 0,
    };
    let kept = kept.into_iter().map(|pod| (pod, 1));
    for (pod, violation) in kept.chain(free.into_iter().map(|pod| (pod, 0))) {
        left.add(pod.clone());
        if !fits(incoming, cluster, &left) {
            left.remove(&ObjectKey::of(&*pod));
            preemption.victims.push(pod);
            preemption.violations += violation;
        }
    }
    preemption.victims.sort_by_key(|pod| importance(pod));
    Some(preemption)
}

fn fits(incoming: &Incoming, cluster: &Cluster, node: &NodeInfo) -> bool {
    let node = Arc::new(node.clone());
    let changed = cluster.with(node.clone());
    let mut fuller = (*node).clone();
    for pod in cluster.nominated_on(node.name(), &incoming.pod) {
        fuller.add(pod);
    }
    Checks::prepare(incoming, &changed).is_ok_and(|checks| checks.check(&fuller).is_ok())
}

/// Sorts the most important Pod first: by priority, then by age, then by name.
fn importance(pod: &Pod) -> (Reverse<i32>, Timestamp, Option<String>) {
    let name = pod.metadata.name.clone();
    (Reverse(priority(pod)), started_at(pod), name)
}

fn started_at(pod: &Pod) -> Timestamp {
    let status = pod.status.as_ref();
    let started = status.and_then(|status| status.start_time.as_ref());
    started.map_or(Timestamp::MAX, |time| time.0)
}

/// Splits Pods into those whose eviction a budget forbids, and the others.
fn by_budgets(
    pods: Vec<Arc<Pod>>,
    budgets: &[PodDisruptionBudget],
) -> (Vec<Arc<Pod>>, Vec<Arc<Pod>>) {
    let allowed = |budget: &PodDisruptionBudget| {
        let status = budget.status.as_ref();
        status
            .and_then(|status| status.disruptions_allowed)
            .unwrap_or(0)
    };
    let mut allowed: Vec<i32> = budgets.iter().map(allowed).collect();
    pods.into_iter().partition(|pod| {
        let mut is_kept = false;
        for (budget, allowed) in budgets.iter().zip(&mut allowed) {
            if covers(budget, pod) {
                *allowed -= 1;
                is_kept |= *allowed < 0;
            }
        }
        is_kept
    })
}

fn covers(budget: &PodDisruptionBudget, pod: &Pod) -> bool {
    let spec = budget.spec.as_ref();
    let selector = spec.and_then(|spec| spec.selector.as_ref());
    let status = budget.status.as_ref();
    let known = status.and_then(|status| status.disrupted_pods.as_ref());
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    budget.metadata.namespace == pod.metadata.namespace
        && !known.is_some_and(|known| known.contains_key(name))
        && Selector::of(selector)
            .is_ok_and(|selector| selector.matches(&pod.metadata.labels.as_ref()))
}

/// What a preemption costs, in the order in which kube-scheduler compares Nodes: budgets, the highest victim, all
/// priorities together, how many, and how long the most important one has run.
fn cost(found: &Preemption) -> (usize, i64, i64, usize, Reverse<Timestamp>) {
    let priorities = || found.victims.iter().map(|pod| i64::from(priority(pod)));
    let highest = priorities().max().unwrap_or(i64::MIN);
    // Lifted above zero, so that more victims never cost less than fewer.
    let sum = priorities().map(|one| one + i64::from(i32::MAX) + 1).sum();
    let important = found
        .victims
        .iter()
        .filter(|pod| i64::from(priority(pod)) == highest);
    let earliest = important.map(|pod| started_at(pod)).min();
    let earliest = earliest.unwrap_or(Timestamp::MAX);
    (
        found.violations,
        highest,
        sum,
        found.victims.len(),
        Reverse(earliest),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::place;
    use crate::plugins::fixtures::{carrying, cluster, incoming, node, pod};
    use serde_json::{Value, json};

    fn asking(name: &str, cpu: &str, priority: i32) -> Pod {
        let resources = json!({ "requests": { "cpu": cpu } });
        pod(
            name,
            json!({ "priority": priority, "containers": [{ "name": "c", "resources": resources }] }),
        )
    }

    fn preempted(
        pod: Pod,
        cluster: &Cluster,
        budgets: &[PodDisruptionBudget],
    ) -> Result<(String, Vec<String>), String> {
        let incoming = incoming(pod);
        let refused = place(&incoming, cluster, 0).expect_err("no room");
        let found = preempt(&incoming, cluster, &refused, budgets)?;
        let names = found
            .victims
            .iter()
            .map(|pod| pod.metadata.name.clone().unwrap_or_default());
        Ok((found.node, names.collect()))
    }

    fn full(name: &str, pods: [Pod; 2]) -> NodeInfo {
        carrying(node(name, json!({})), pods)
    }

    #[test]
    fn the_least_pods_make_room() {
        let cluster = cluster([
            full("a", [asking("a1", "1", 5), asking("a2", "1", 1)]),
            full("b", [asking("b1", "1", 3), asking("b2", "1", 3)]),
        ]);
        let victims = |node: &str, names: &[&str]| {
            Ok((
                node.to_owned(),
                names.iter().map(|name| (*name).to_owned()).collect(),
            ))
        };
        assert_eq!(
            preempted(asking("p", "1", 9), &cluster, &[]),
            victims("a", &["a2"])
        );
        assert_eq!(
            preempted(asking("p", "2", 9), &cluster, &[]),
            victims("b", &["b1", "b2"])
        );
        assert_eq!(
            preempted(asking("p", "1", 2), &cluster, &[]),
            victims("a", &["a2"])
        );
    }

    #[test]
    fn a_budget_is_broken_last() {
        let mut guarded = asking("a1", "2", 1);
        guarded.metadata.labels = Some([("app".to_owned(), "db".to_owned())].into());
        let cluster = cluster([
            carrying(node("a", json!({})), [guarded]),
            carrying(node("b", json!({})), [asking("b1", "2", 5)]),
        ]);
        let budget = |allowed: i32| -> Vec<PodDisruptionBudget> {
            let selector = json!({ "matchLabels": { "app": "db" } });
            let budget = json!({ "metadata": { "name": "db", "namespace": "default" }, "spec": { "selector": selector },
                "status": { "disruptionsAllowed": allowed, "currentHealthy": 1, "desiredHealthy": 1, "expectedPods": 1 } });
            vec![serde_json::from_value(budget).expect("a budget")]
        };
        let node = |budgets: &[PodDisruptionBudget]| {
            preempted(asking("p", "1", 9), &cluster, budgets).map(|(node, _)| node)
        };
        assert_eq!(node(&budget(1)).as_deref(), Ok("a"));
        assert_eq!(node(&budget(0)).as_deref(), Ok("b"));
    }

    #[test]
    fn where_nothing_helps_it_is_said_why() {
        let nodes = || {
            cluster([
                full("a", [asking("a1", "1", 5), asking("a2", "1", 5)]),
                node("b", json!({ "unschedulable": true })),
            ])
        };
        let words = "0/2 nodes are available: 1 No preemption victims found for incoming pod, \
                     1 Preemption is not helpful for scheduling.";
        assert_eq!(
            preempted(asking("p", "1", 5), &nodes(), &[]),
            Err(words.to_owned())
        );
        let words = "0/2 nodes are available: 2 Preemption is not helpful for scheduling.";
        assert_eq!(
            preempted(asking("p", "9", 9), &nodes(), &[]),
            Err(words.to_owned())
        );
        let with = |more: Value| {
            let mut pod = json!(asking("p", "1", 9));
            pod["spec"]["preemptionPolicy"] = more["policy"].clone();
            pod["status"] = json!({ "nominatedNodeName": more["nominated"] });
            serde_json::from_value(pod).expect("a Pod")
        };
        let never = preempted(with(json!({ "policy": "Never" })), &nodes(), &[]);
        assert_eq!(
            never,
            Err("not eligible due to preemptionPolicy=Never.".to_owned())
        );
        let mut leaving = json!(asking("a1", "2", 1));
        leaving["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
        let leaving = serde_json::from_value(leaving).expect("a Pod");
        let nodes = cluster([carrying(node("a", json!({})), [leaving])]);
        let words = "not eligible due to a terminating pod on the nominated node.";
        assert_eq!(
            preempted(with(json!({ "nominated": "a" })), &nodes, &[]),
            Err(words.to_owned())
        );
    }
}
