//! Pods draw and repel each other
//! (<https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/#inter-pod-affinity-and-anti-affinity>).

use std::collections::{HashMap, HashSet};

use k8s_openapi::api::core::v1::{Pod, PodAffinityTerm, WeightedPodAffinityTerm};

use super::affinity_term::Term;
use super::{Filter, Prepared, Refusal, Score, stretch};
use crate::cluster::{Cluster, Incoming};
use crate::event::Event;
use crate::node_info::{NodeInfo, affinity};

/// Refuses Nodes for the required terms of the Pod and of those that are there; weighs the preferred ones.
pub(crate) struct InterPodAffinity;

/// What a required affinity of a Pod that is there weighs for others (kube-scheduler's hardPodAffinityWeight).
const REQUIRED_WEIGHT: i64 = 1;

/// A label of Nodes and its value: a place that may be larger than a Node.
type Place = (String, String);

struct Rules {
    /// The Pod's own affinity, the places where each term is met, and whether it meets all of them itself.
    wanted: Vec<(Term, HashSet<Place>)>,
    is_first: bool,
    /// The Pod's own anti-affinity, and the places that each term forbids.
    unwanted: Vec<(Term, HashSet<Place>)>,
    /// What Pods that are there forbid.
    forbidden: HashSet<Place>,
}

impl Filter for InterPodAffinity {
    fn name(&self) -> &'static str {
        "InterPodAffinity"
    }

    fn prepare<'a>(&self, incoming: &'a Incoming, cluster: &'a Cluster) -> Prepared<'a> {
        let rules = Rules::of(&incoming.pod, cluster);
        if rules.wanted.is_empty() && rules.unwanted.is_empty() && rules.forbidden.is_empty() {
            return Prepared::Skip;
        }
        Prepared::check(move |node| rules.check(node))
    }

    fn may_be_helped(&self, _: &Pod, event: &Event) -> bool {
        matches!(event, Event::Node(_) | Event::PodGone(_) | Event::PodPlaced)
    }
}

impl Rules {
    fn of(pod: &Pod, cluster: &Cluster) -> Self {
        let wanted = terms(required(pod), pod);
        let unwanted = terms(required_anti(pod), pod);
        let of_all = |terms: &[Term], other: &Pod| {
            !terms.is_empty() && terms.iter().all(|term| term.selects(other, cluster))
        };
        let mut met: Vec<HashSet<Place>> = wanted.iter().map(|_| HashSet::new()).collect();
        let mut hit: Vec<HashSet<Place>> = unwanted.iter().map(|_| HashSet::new()).collect();
        for node in &cluster.nodes {
            if wanted.is_empty() && unwanted.is_empty() {
                break;
            }
            for other in node.pods.values() {
                if of_all(&wanted, other) {
                    for (term, places) in wanted.iter().zip(&mut met) {
                        places.extend(place(node, &term.topology_key));
                    }
                }
                for (term, places) in unwanted.iter().zip(&mut hit) {
                    if term.selects(other, cluster) {
                        places.extend(place(node, &term.topology_key));
                    }
                }
            }
        }
        Self {
            is_first: of_all(&wanted, pod) && met.iter().all(HashSet::is_empty),
            wanted: wanted.into_iter().zip(met).collect(),
            unwanted: unwanted.into_iter().zip(hit).collect(),
            forbidden: forbidden(pod, cluster),
        }
    }

    fn check(&self, node: &NodeInfo) -> Result<(), Refusal> {
        let has_all = |terms: &[(Term, HashSet<Place>)]| {
            terms.iter().all(|(term, places)| {
                let here = place(node, &term.topology_key);
                // The first of Pods that want each other may go anywhere with the label.
                here.is_some_and(|here| self.is_first || places.contains(&here))
            })
        };
        if !has_all(&self.wanted) {
            return Err(Refusal::for_good("node(s) didn't match pod affinity rules"));
        }
        let is_hit = self.unwanted.iter().any(|(term, places)| {
            place(node, &term.topology_key).is_some_and(|here| places.contains(&here))
        });
        if is_hit {
            let words = "node(s) didn't match pod anti-affinity rules";
            return Err(Refusal::for_now(vec![words.to_owned()]));
        }
        let labels = node.labels();
        if self
            .forbidden
            .iter()
            .any(|(key, value)| labels.get(key) == Some(value))
        {
            let words = "node(s) didn't satisfy existing pods anti-affinity rules";
            return Err(Refusal::for_now(vec![words.to_owned()]));
        }
        Ok(())
    }
}

/// The places that required anti-affinity of Pods that are there keeps the Pod from.
fn forbidden(pod: &Pod, cluster: &Cluster) -> HashSet<Place> {
    let mut places = HashSet::new();
    for node in cluster.nodes.iter().filter(|node| node.with_affinity > 0) {
        for other in node.pods.values() {
            for term in terms(required_anti(other), other) {
                if term.selects(pod, cluster) {
                    places.extend(place(node, &term.topology_key));
                }
            }
        }
    }
    places
}

impl Score for InterPodAffinity {
    fn scores(&self, incoming: &Incoming, cluster: &Cluster, nodes: &[&NodeInfo]) -> Vec<i64> {
        let pod = &incoming.pod;
        let own = preferences(pod);
        let mut places: HashMap<Place, i64> = HashMap::new();
        for node in &cluster.nodes {
            if own.is_empty() && node.with_affinity == 0 {
                continue;
            }
            for other in node.pods.values() {
                let mut weigh = |term: &Term, weight: i64, selected: &Pod| {
                    if term.selects(selected, cluster)
                        && let Some(here) = place(node, &term.topology_key)
                    {
                        *places.entry(here).or_insert(0) += weight;
                    }
                };
                own.iter()
                    .for_each(|(term, weight)| weigh(term, *weight, other));
                preferences(other)
                    .iter()
                    .for_each(|(term, weight)| weigh(term, *weight, pod));
                terms(required(other), other)
                    .iter()
                    .for_each(|term| weigh(term, REQUIRED_WEIGHT, pod));
            }
        }
        let sum = |node: &&NodeInfo| {
            let labels = node.labels();
            let here = places
                .iter()
                .filter(|((key, value), _)| labels.get(key) == Some(value));
            here.map(|(_, weight)| *weight).sum()
        };
        let mut scores: Vec<i64> = nodes.iter().map(sum).collect();
        stretch(&mut scores);
        scores
    }

    fn weight(&self) -> i64 {
        2
    }
}

fn place(node: &NodeInfo, key: &str) -> Option<Place> {
    Some((key.to_owned(), node.labels().get(key)?.clone()))
}

fn terms(terms: &[PodAffinityTerm], owner: &Pod) -> Vec<Term> {
    terms.iter().map(|term| Term::of(term, owner)).collect()
}

fn required(pod: &Pod) -> &[PodAffinityTerm] {
    affinity(pod)
        .and_then(|all| all.pod_affinity.as_ref())
        .and_then(|all| {
            all.required_during_scheduling_ignored_during_execution
                .as_deref()
        })
        .unwrap_or_default()
}

fn required_anti(pod: &Pod) -> &[PodAffinityTerm] {
    affinity(pod)
        .and_then(|all| all.pod_anti_affinity.as_ref())
        .and_then(|all| {
            all.required_during_scheduling_ignored_during_execution
                .as_deref()
        })
        .unwrap_or_default()
}

/// The preferred terms, those of anti-affinity with weights below 0.
fn preferences(pod: &Pod) -> Vec<(Term, i64)> {
    let all = affinity(pod);
    let drawn = all
        .and_then(|all| all.pod_affinity.as_ref())
        .and_then(|all| {
            all.preferred_during_scheduling_ignored_during_execution
                .as_deref()
        });
    let repelled = all
        .and_then(|all| all.pod_anti_affinity.as_ref())
        .and_then(|all| {
            all.preferred_during_scheduling_ignored_during_execution
                .as_deref()
        });
    let weigh = |terms: Option<&[WeightedPodAffinityTerm]>, sign: i64| -> Vec<(Term, i64)> {
        let terms = terms.unwrap_or_default().iter();
        terms
            .map(|one| {
                (
                    Term::of(&one.pod_affinity_term, pod),
                    sign * i64::from(one.weight),
                )
            })
            .collect()
    };
    let mut both = weigh(drawn, 1);
    both.extend(weigh(repelled, -1));
    both
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugins::fixtures::{
        carrying, cluster, in_zone, incoming, labelled, refusals, scores,
    };
    use serde_json::{Value, json};

    const NOT_WANTED: &str = "node(s) didn't match pod anti-affinity rules";
    const NOT_MET: &str = "node(s) didn't match pod affinity rules";

    fn term(app: &str, key: &str) -> Value {
        json!({ "labelSelector": { "matchLabels": { "app": app } }, "topologyKey": key })
    }

    fn requiring(kind: &str, term: Value) -> Value {
        json!({ "affinity": { kind: { "requiredDuringSchedulingIgnoredDuringExecution": [term] } } })
    }

    /// Zone x has the nodes a, with a Pod of `db`, and b; zone y has c.
    fn zones(spec_of_db: Value) -> Cluster {
        let db = labelled("db", "db", spec_of_db);
        cluster([
            carrying(in_zone("a", "x", json!({})), [db]),
            in_zone("b", "x", json!({})),
            in_zone("c", "y", json!({})),
        ])
    }

    fn refused(spec: Value, cluster: &Cluster) -> Vec<String> {
        let all = refusals(
            &InterPodAffinity,
            &incoming(labelled("p", "web", spec)),
            cluster,
        );
        all.into_iter().map(|reasons| reasons.join(", ")).collect()
    }

    #[test]
    fn pods_are_drawn_to_places_and_kept_from_them() {
        let host = "kubernetes.io/hostname";
        let cases = [
            ("podAffinity", term("db", "zone"), ["", "", NOT_MET]),
            ("podAffinity", term("db", host), ["", NOT_MET, NOT_MET]),
            (
                "podAffinity",
                term("none", "zone"),
                [NOT_MET, NOT_MET, NOT_MET],
            ),
            ("podAffinity", term("web", "zone"), ["", "", ""]),
            (
                "podAffinity",
                term("db", "rack"),
                [NOT_MET, NOT_MET, NOT_MET],
            ),
            (
                "podAntiAffinity",
                term("db", "zone"),
                [NOT_WANTED, NOT_WANTED, ""],
            ),
            ("podAntiAffinity", term("db", host), [NOT_WANTED, "", ""]),
            ("podAntiAffinity", term("web", host), ["", "", ""]),
        ];
        for (kind, term, expected) in cases {
            let seen = refused(requiring(kind, term.clone()), &zones(json!({})));
            assert_eq!(seen, expected, "{kind} {term}");
        }
    }

    #[test]
    fn those_that_are_there_keep_others_away() {
        let cluster = zones(requiring("podAntiAffinity", term("web", "zone")));
        let words = "node(s) didn't satisfy existing pods anti-affinity rules";
        assert_eq!(refused(json!({}), &cluster), [words, words, ""]);
    }

    #[test]
    fn a_term_may_reach_into_other_namespaces() {
        let mut elsewhere = term("db", "zone");
        elsewhere["namespaces"] = json!(["other"]);
        let seen = refused(
            requiring("podAntiAffinity", elsewhere.clone()),
            &zones(json!({})),
        );
        assert_eq!(seen, ["", "", ""]);
        elsewhere["namespaceSelector"] = json!({});
        let seen = refused(requiring("podAntiAffinity", elsewhere), &zones(json!({})));
        assert_eq!(seen, [NOT_WANTED, NOT_WANTED, ""]);
    }

    #[test]
    fn preferred_places_score_higher() {
        let weighted = |kind: &str| {
            let one = json!({ "weight": 10, "podAffinityTerm": term("db", "zone") });
            json!({ "affinity": { kind: { "preferredDuringSchedulingIgnoredDuringExecution": [one] } } })
        };
        for (kind, expected) in [
            ("podAffinity", [100, 100, 0]),
            ("podAntiAffinity", [0, 0, 100]),
        ] {
            let pod = labelled("p", "web", weighted(kind));
            assert_eq!(
                scores(&InterPodAffinity, pod, &zones(json!({}))),
                expected,
                "{kind}"
            );
        }
    }
}
