//! Where a Pod goes: a pure function of the Pod and the cluster.

use std::collections::{BTreeMap, BTreeSet};

use crate::cluster::{Cluster, Incoming};
use crate::node_info::NodeInfo;
use crate::plugins::{Check, FILTERS, Prepared, Refusal, SCORES};

/// Why a Pod can go nowhere.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Unschedulable {
    /// How many Nodes there are.
    pub(crate) nodes: usize,
    /// Why no Node was even looked at.
    nowhere: Option<String>,
    /// How many Nodes refused it for each reason.
    reasons: BTreeMap<String, usize>,
    /// The filters that refused it somewhere.
    pub(crate) by: BTreeSet<&'static str>,
    /// The names of the Nodes that might do if Pods left them.
    pub(crate) candidates: BTreeSet<String>,
}

impl Unschedulable {
    /// The message of the `FailedScheduling` event and of the `PodScheduled` condition. `preemption` says why making room
    /// is no way out.
    pub(crate) fn message(&self, preemption: Option<&str>) -> String {
        if self.nodes == 0 {
            return "no nodes available to schedule pods".to_owned();
        }
        let reasons = match &self.nowhere {
            Some(reason) => reason.clone(),
            None => counted(&self.reasons),
        };
        let refused = format!("0/{} nodes are available: {reasons}.", self.nodes);
        match preemption {
            Some(why) => format!("{refused} preemption: {why}"),
            None => refused,
        }
    }
}

/// Reasons with how often each was heard, in kube-scheduler's order.
pub(crate) fn counted(reasons: &BTreeMap<String, usize>) -> String {
    let counted = reasons
        .iter()
        .map(|(reason, count)| format!("{count} {reason}"));
    let mut counted: Vec<String> = counted.collect();
    counted.sort();
    counted.join(", ")
}

/// The filters of one Pod, ready to look at Nodes.
pub(crate) struct Checks<'a>(Vec<(&'static str, Check<'a>)>);

impl<'a> Checks<'a> {
    /// Prepares all filters; or the name of the one to which no Node will do, and why.
    pub(crate) fn prepare(
        incoming: &'a Incoming,
        cluster: &'a Cluster,
    ) -> Result<Self, (&'static str, String)> {
        let mut checks = Vec::new();
        for filter in FILTERS {
            match filter.prepare(incoming, cluster) {
                Prepared::Skip => {}
                Prepared::Nowhere(why) => return Err((filter.name(), why)),
                Prepared::Check(check) => checks.push((filter.name(), check)),
            }
        }
        Ok(Self(checks))
    }

    /// What the first filter that refuses says of the Node.
    pub(crate) fn check(&self, node: &NodeInfo) -> Result<(), (&'static str, Refusal)> {
        self.0
            .iter()
            .try_for_each(|(name, check)| check(node).map_err(|refusal| (*name, refusal)))
    }

    /// The same, while Pods of no lower priority are on their way to the Node: it must do with them and without.
    fn check_with_coming(
        &self,
        node: &NodeInfo,
        incoming: &Incoming,
        cluster: &Cluster,
    ) -> Result<(), (&'static str, Refusal)> {
        let coming = cluster.nominated_on(node.name(), &incoming.pod);
        if !coming.is_empty() {
            let mut fuller = node.clone();
            coming.into_iter().for_each(|pod| fuller.add(pod));
            self.check(&fuller)?;
        }
        self.check(node)
    }
}

/// The name of the Node that suits the Pod best; of equals, the one that `tie` picks.
///
/// `tie` is any number: different numbers spread equals over the Nodes.
pub(crate) fn place(
    incoming: &Incoming,
    cluster: &Cluster,
    tie: usize,
) -> Result<String, Unschedulable> {
    let mut refused = Unschedulable {
        nodes: cluster.nodes.len(),
        ..Unschedulable::default()
    };
    let checks = match Checks::prepare(incoming, cluster) {
        Ok(checks) => checks,
        Err((name, why)) => {
            refused.by.insert(name);
            refused.nowhere = Some(why);
            return Err(refused);
        }
    };
    let mut fitting: Vec<&NodeInfo> = Vec::new();
    for node in &cluster.nodes {
        match checks.check_with_coming(node, incoming, cluster) {
            Ok(()) => fitting.push(node),
            Err((name, refusal)) => refused.note(name, refusal, node),
        }
    }
    best(incoming, cluster, &fitting, tie).ok_or(refused)
}

impl Unschedulable {
    fn note(&mut self, name: &'static str, refusal: Refusal, node: &NodeInfo) {
        self.by.insert(name);
        for reason in refusal.reasons {
            *self.reasons.entry(reason).or_insert(0) += 1;
        }
        if refusal.preemption_may_help {
            self.candidates.insert(node.name().to_owned());
        }
    }
}

fn best(
    incoming: &Incoming,
    cluster: &Cluster,
    fitting: &[&NodeInfo],
    tie: usize,
) -> Option<String> {
    let totals = total_scores(incoming, cluster, fitting);
    let best = totals.iter().copied().max()?;
    let equals: Vec<&&NodeInfo> = fitting
        .iter()
        .zip(&totals)
        .filter(|(_, score)| **score == best)
        .map(|(node, _)| node)
        .collect();
    Some(equals[tie % equals.len()].name().to_owned())
}

fn total_scores(incoming: &Incoming, cluster: &Cluster, nodes: &[&NodeInfo]) -> Vec<i64> {
    let mut totals = vec![0; nodes.len()];
    if nodes.len() < 2 {
        return totals;
    }
    for plugin in SCORES {
        let scores = plugin.scores(incoming, cluster, nodes);
        for (total, score) in totals.iter_mut().zip(scores) {
            *total += score * plugin.weight();
        }
    }
    totals
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugins::fixtures::{carrying, cluster, incoming, node, pod};
    use k8s_openapi::api::core::v1::Pod;
    use serde_json::json;
    use std::sync::Arc;

    fn asking(name: &str, cpu: &str) -> Pod {
        let resources = json!({ "requests": { "cpu": cpu } });
        pod(
            name,
            json!({ "containers": [{ "name": "c", "resources": resources }] }),
        )
    }

    #[test]
    fn a_pod_goes_to_the_node_with_room() {
        let cluster = cluster([
            carrying(node("a", json!({})), [asking("x", "2")]),
            node("b", json!({})),
        ]);
        let placed = place(&incoming(asking("p", "1")), &cluster, 7);
        assert_eq!(placed, Ok("b".to_owned()));
    }

    #[test]
    fn equals_take_turns() {
        let cluster = cluster([node("a", json!({})), node("b", json!({}))]);
        let placed: Vec<_> = (0..4)
            .map(|tie| place(&incoming(asking("p", "1")), &cluster, tie))
            .collect();
        assert_eq!(placed, ["a", "b", "a", "b"].map(|name| Ok(name.to_owned())));
    }

    #[test]
    fn a_pod_without_a_place_is_told_why() {
        let full = cluster([
            carrying(node("a", json!({})), [asking("x", "2")]),
            carrying(node("b", json!({})), [asking("y", "2")]),
            node("c", json!({ "unschedulable": true })),
        ]);
        let refused = place(&incoming(asking("p", "1")), &full, 0).expect_err("no room");
        assert_eq!(
            refused.message(None),
            "0/3 nodes are available: 1 node(s) were unschedulable, 2 Insufficient cpu."
        );
        let by: Vec<_> = refused.by.iter().copied().collect();
        assert_eq!(by, ["NodeResourcesFit", "NodeUnschedulable"]);
        assert_eq!(refused.candidates.len(), 2);
        let nowhere = place(&incoming(asking("p", "1")), &cluster([]), 0).expect_err("no nodes");
        let words = "no nodes available to schedule pods";
        assert_eq!(nowhere.message(None), words);
    }

    #[test]
    fn room_that_is_made_for_a_pod_is_left_to_it() {
        let mut coming = asking("coming", "2");
        coming.spec.get_or_insert_default().priority = Some(10);
        let mut cluster = cluster([node("a", json!({}))]);
        cluster.nominated = Arc::new(vec![("a".to_owned(), Arc::new(coming.clone()))]);
        place(&incoming(asking("p", "1")), &cluster, 0).expect_err("it is another's");
        assert!(place(&incoming(coming), &cluster, 0).is_ok(), "its own");
        let mut higher = asking("higher", "1");
        higher.spec.get_or_insert_default().priority = Some(11);
        assert!(place(&incoming(higher), &cluster, 0).is_ok());
    }
}
