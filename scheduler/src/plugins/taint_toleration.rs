//! Taints keep Pods away that do not tolerate them.
//! <https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/>

use k8s_openapi::api::core::v1::{Node, Pod, Taint, Toleration};

use super::{Filter, Prepared, Refusal, Score, normalize};
use crate::cluster::{Cluster, Incoming};
use crate::event::Event;
use crate::node_info::NodeInfo;

/// Refuses `NoSchedule` and `NoExecute`; avoids `PreferNoSchedule`.
pub(crate) struct TaintToleration;

impl Filter for TaintToleration {
    fn name(&self) -> &'static str {
        "TaintToleration"
    }

    fn prepare<'a>(&self, incoming: &'a Incoming, _: &'a Cluster) -> Prepared<'a> {
        Prepared::check(|node| match keeps_away(&node.node, &incoming.pod) {
            true => Err(Refusal::for_good("node(s) had untolerated taint(s)")),
            false => Ok(()),
        })
    }

    fn may_be_helped(&self, pod: &Pod, event: &Event) -> bool {
        matches!(event, Event::Node(node) if !keeps_away(node, pod))
    }
}

impl Score for TaintToleration {
    fn scores(&self, incoming: &Incoming, _: &Cluster, nodes: &[&NodeInfo]) -> Vec<i64> {
        let soft = |node: &&NodeInfo| {
            let refused = taints(&node.node).filter(|taint| {
                taint.effect == "PreferNoSchedule" && !tolerates_taint(&incoming.pod, taint)
            });
            refused.count() as i64
        };
        let mut scores: Vec<i64> = nodes.iter().map(soft).collect();
        normalize(&mut scores);
        scores.iter().map(|refused| 100 - refused).collect()
    }

    fn weight(&self) -> i64 {
        3
    }
}

fn taints(node: &Node) -> impl Iterator<Item = &Taint> {
    node.spec
        .iter()
        .flat_map(|spec| spec.taints.iter().flatten())
}

/// Whether the Node has a taint that the Pod does not tolerate and that forbids it to start there.
pub(crate) fn keeps_away(node: &Node, pod: &Pod) -> bool {
    taints(node).any(|taint| {
        matches!(taint.effect.as_str(), "NoSchedule" | "NoExecute") && !tolerates_taint(pod, taint)
    })
}

fn tolerates_taint(pod: &Pod, taint: &Taint) -> bool {
    tolerates(
        pod,
        &taint.key,
        taint.value.as_deref().unwrap_or_default(),
        &taint.effect,
    )
}

/// Whether a Pod tolerates a taint of that key, value and effect.
pub(crate) fn tolerates(pod: &Pod, key: &str, value: &str, effect: &str) -> bool {
    let covers = |toleration: &Toleration| {
        let right_effect = toleration
            .effect
            .as_deref()
            .is_none_or(|wanted| wanted.is_empty() || wanted == effect);
        let right_key = toleration
            .key
            .as_deref()
            .is_none_or(|wanted| wanted.is_empty() || wanted == key);
        let right_value = match toleration.operator.as_deref() {
            Some("Exists") => true,
            _ => toleration.value.as_deref().unwrap_or_default() == value,
        };
        right_effect && right_key && right_value
    };
    pod.spec
        .iter()
        .flat_map(|spec| spec.tolerations.iter().flatten())
        .any(covers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugins::fixtures::{cluster, node, pod, refused as refused_by, scores};
    use serde_json::json;

    #[test]
    fn a_taint_is_tolerated_by_key_value_and_effect() {
        let tainted = node(
            "n",
            json!({ "taints": [{ "key": "gpu", "value": "a", "effect": "NoSchedule" }] }),
        );
        let refused = vec!["node(s) had untolerated taint(s)".to_owned()];
        let cases = [
            (json!([]), refused.clone()),
            (json!([{ "key": "gpu", "value": "a" }]), vec![]),
            (
                json!([{ "key": "gpu", "operator": "Exists", "effect": "NoSchedule" }]),
                vec![],
            ),
            (json!([{ "operator": "Exists" }]), vec![]),
            (json!([{ "key": "gpu", "value": "b" }]), refused.clone()),
            (
                json!([{ "key": "gpu", "operator": "Exists", "effect": "NoExecute" }]),
                refused.clone(),
            ),
        ];
        for (tolerations, reasons) in cases {
            let pod = pod("p", json!({ "containers": [], "tolerations": tolerations }));
            let seen = refused_by(&TaintToleration, pod, tainted.clone());
            assert_eq!(seen, reasons, "{tolerations}");
        }
    }

    #[test]
    fn a_soft_taint_only_lowers_the_score() {
        let soft = node(
            "a",
            json!({ "taints": [{ "key": "k", "effect": "PreferNoSchedule" }] }),
        );
        let free = node("b", json!({}));
        let pod = pod("p", json!({ "containers": [] }));
        assert!(refused_by(&TaintToleration, pod.clone(), soft.clone()).is_empty());
        assert_eq!(
            scores(&TaintToleration, pod, &cluster([soft, free])),
            [0, 100]
        );
    }
}
