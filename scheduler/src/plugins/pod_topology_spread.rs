//! Pods spread over zones, Nodes and other places
//! (<https://kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints/>).

use std::collections::HashMap;

use k8s_openapi::api::core::v1::{Pod, TopologySpreadConstraint};
use skiff_api::Selector;

use super::affinity_term::selector;
use super::node_affinity::selects;
use super::taint_toleration::keeps_away;
use super::{Filter, Prepared, Refusal, Score};
use crate::cluster::{Cluster, Incoming};
use crate::event::Event;
use crate::node_info::NodeInfo;

/// Refuses Nodes of places that are too full (`DoNotSchedule`); avoids the fuller ones (`ScheduleAnyway`).
pub(crate) struct PodTopologySpread;

const NO_LABEL: &str =
    "node(s) didn't match pod topology spread constraints (missing required label)";
const TOO_FULL: &str = "node(s) didn't match pod topology spread constraints";

/// A constraint, and how many of its Pods each place has.
struct Spread<'a> {
    constraint: &'a TopologySpreadConstraint,
    selector: Selector,
    counts: HashMap<String, i64>,
}

impl Filter for PodTopologySpread {
    fn name(&self) -> &'static str {
        "PodTopologySpread"
    }

    fn prepare<'a>(&self, incoming: &'a Incoming, cluster: &'a Cluster) -> Prepared<'a> {
        let spreads = spreads(&incoming.pod, cluster, "DoNotSchedule");
        if spreads.is_empty() {
            return Prepared::Skip;
        }
        Prepared::check(move |node| {
            let mut spreads = spreads.iter();
            spreads.try_for_each(|spread| spread.check(&incoming.pod, node))
        })
    }

    fn may_be_helped(&self, _: &Pod, event: &Event) -> bool {
        matches!(event, Event::Node(_) | Event::PodGone(_) | Event::PodPlaced)
    }
}

impl Score for PodTopologySpread {
    fn scores(&self, incoming: &Incoming, cluster: &Cluster, nodes: &[&NodeInfo]) -> Vec<i64> {
        let spreads = spreads(&incoming.pod, cluster, "ScheduleAnyway");
        if spreads.is_empty() {
            return vec![100; nodes.len()];
        }
        let crowd = |node: &&NodeInfo| {
            let each = spreads.iter().map(|spread| spread.crowd(node));
            each.sum::<Option<f64>>()
        };
        let crowds: Vec<Option<f64>> = nodes.iter().map(crowd).collect();
        let known = || crowds.iter().flatten().copied();
        let (least, most) = (
            known().fold(f64::MAX, f64::min),
            known().fold(0.0, f64::max),
        );
        let score = |crowd: &Option<f64>| match crowd {
            // A Node without the labels is nobody's first choice.
            None => 0,
            Some(_) if most == 0.0 => 100,
            Some(crowd) => (100.0 * (most + least - crowd) / most) as i64,
        };
        crowds.iter().map(score).collect()
    }

    fn weight(&self) -> i64 {
        2
    }
}

impl Spread<'_> {
    fn check(&self, pod: &Pod, node: &NodeInfo) -> Result<(), Refusal> {
        let Some(place) = node.labels().get(&self.constraint.topology_key) else {
            return Err(Refusal::for_good(NO_LABEL));
        };
        let itself = i64::from(self.selector.matches(&pod.metadata.labels.as_ref()));
        let least = match self.constraint.min_domains {
            Some(wanted) if (self.counts.len() as i64) < i64::from(wanted) => 0,
            _ => self.counts.values().copied().min().unwrap_or(0),
        };
        let here = self.counts.get(place).copied().unwrap_or(0);
        match here + itself - least > i64::from(self.constraint.max_skew) {
            true => Err(Refusal::for_now(vec![TOO_FULL.to_owned()])),
            false => Ok(()),
        }
    }

    /// How full the Node's place is; the more places there are, the more it counts.
    fn crowd(&self, node: &NodeInfo) -> Option<f64> {
        let place = node.labels().get(&self.constraint.topology_key)?;
        let here = self.counts.get(place).copied().unwrap_or(0) as f64;
        let weight = (self.counts.len() as f64 + 2.0).ln();
        Some(here * weight + f64::from(self.constraint.max_skew - 1))
    }
}

fn spreads<'a>(pod: &'a Pod, cluster: &Cluster, when: &str) -> Vec<Spread<'a>> {
    let spec = pod.spec.iter();
    let all = spec.flat_map(|spec| spec.topology_spread_constraints.iter().flatten());
    let constraints: Vec<_> = all.filter(|one| one.when_unsatisfiable == when).collect();
    let keys: Vec<&String> = constraints.iter().map(|one| &one.topology_key).collect();
    let spread = |constraint: &&'a TopologySpreadConstraint| {
        let mut spread = Spread {
            constraint,
            selector: selector(constraint.label_selector.as_ref()),
            counts: HashMap::new(),
        };
        for node in &cluster.nodes {
            let labels = node.labels();
            let has_all = keys.iter().all(|key| labels.contains_key(*key));
            if has_all && counts(constraint, pod, node) {
                let place = labels[&constraint.topology_key].clone();
                *spread.counts.entry(place).or_insert(0) += spread.selected_on(pod, node);
            }
        }
        spread
    };
    constraints.iter().map(spread).collect()
}

impl Spread<'_> {
    fn selected_on(&self, pod: &Pod, node: &NodeInfo) -> i64 {
        let of_it = |other: &&std::sync::Arc<Pod>| {
            other.metadata.deletion_timestamp.is_none()
                && other.metadata.namespace == pod.metadata.namespace
                && self.selector.matches(&other.metadata.labels.as_ref())
        };
        node.pods.values().filter(of_it).count() as i64
    }
}

/// Whether the Node's place counts at all (KEP-3094: by default affinity is honoured, and taints are ignored).
fn counts(constraint: &TopologySpreadConstraint, pod: &Pod, node: &NodeInfo) -> bool {
    let by_affinity =
        constraint.node_affinity_policy.as_deref() == Some("Ignore") || selects(pod, &node.node);
    let by_taints =
        constraint.node_taints_policy.as_deref() != Some("Honor") || !keeps_away(&node.node, pod);
    by_affinity && by_taints
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugins::fixtures::{
        carrying, cluster, in_zone, incoming, labelled, node, refusals, scores,
    };
    use serde_json::{Value, json};

    fn constraint(more: Value) -> Value {
        let mut constraint = json!({
            "maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule",
            "labelSelector": { "matchLabels": { "app": "web" } } });
        for (field, value) in more.as_object().into_iter().flatten() {
            constraint[field] = value.clone();
        }
        json!({ "topologySpreadConstraints": [constraint] })
    }

    /// Zone x has two Pods on a and b, zone y has one on c, and d is in no zone.
    fn zones() -> Cluster {
        let web = |name| labelled(name, "web", json!({}));
        cluster([
            carrying(
                in_zone("a", "x", json!({})),
                [web("1"), labelled("9", "db", json!({}))],
            ),
            carrying(in_zone("b", "x", json!({})), [web("2")]),
            carrying(in_zone("c", "y", json!({})), [web("3")]),
            node("d", json!({})),
        ])
    }

    #[test]
    fn the_fuller_places_are_refused() {
        let host = json!({ "topologyKey": "kubernetes.io/hostname" });
        let cases = [
            (json!({}), [TOO_FULL, TOO_FULL, "", NO_LABEL]),
            (json!({ "maxSkew": 2 }), ["", "", "", NO_LABEL]),
            (
                json!({ "minDomains": 3, "maxSkew": 2 }),
                [TOO_FULL, TOO_FULL, "", NO_LABEL],
            ),
            (host, [TOO_FULL, TOO_FULL, TOO_FULL, ""]),
            (
                json!({ "labelSelector": { "matchLabels": { "app": "none" } } }),
                ["", "", "", NO_LABEL],
            ),
            (
                json!({ "whenUnsatisfiable": "ScheduleAnyway" }),
                ["", "", "", ""],
            ),
        ];
        for (more, expected) in cases {
            let pod = labelled("p", "web", constraint(more.clone()));
            let seen = refusals(&PodTopologySpread, &incoming(pod), &zones());
            let seen: Vec<String> = seen.into_iter().map(|reasons| reasons.join(", ")).collect();
            assert_eq!(seen, expected, "{more}");
        }
    }

    #[test]
    fn the_emptier_places_score_higher() {
        let soft = constraint(json!({ "whenUnsatisfiable": "ScheduleAnyway" }));
        let scores = scores(&PodTopologySpread, labelled("p", "web", soft), &zones());
        assert!(
            scores[0] == scores[1] && scores[1] < scores[2] && scores[3] == 0,
            "{scores:?}"
        );
    }
}
