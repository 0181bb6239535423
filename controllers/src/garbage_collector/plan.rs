//! What becomes of an object, from the state of its owners.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::PropagationPolicy;

use super::graph::{FOREGROUND, Graph, Node, ORPHAN, Uid};

/// What is known of an owner that an object refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OwnerState {
    /// It is there, and the object stays with it.
    Solid,
    /// It is being deleted and waits for the object to go first.
    Waiting,
    /// It does not exist (any more).
    Absent,
    /// The graph does not know it: the API server must be asked.
    Unknown,
}

/// What an object itself waits for.
#[derive(Debug, PartialEq)]
pub(super) enum Step {
    /// Nothing is to be done.
    Nothing,
    /// It is deleted with `orphan`: these are to be freed of it, then the finalizer goes.
    Free(Vec<Uid>),
    /// It is deleted in the foreground: these block it and are to be looked at; if there are none, the finalizer goes.
    Await(Vec<Uid>),
    /// Its owners decide.
    Judge,
}

/// What an object of the graph waits for.
pub(super) fn step(graph: &Graph, uid: &str) -> Step {
    let Some(node) = graph.get(uid) else {
        return Step::Nothing;
    };
    let dependents = |test: &dyn Fn(&Node) -> bool| -> Vec<Uid> {
        let mut uids: Vec<_> = graph
            .dependents(uid)
            .filter(|(_, node)| test(node))
            .map(|(uid, _)| uid.clone())
            .collect();
        uids.sort();
        uids
    };
    if node.awaits_orphans() {
        Step::Free(dependents(&|_| true))
    } else if node.awaits_dependents() {
        Step::Await(dependents(&|node| node.blocks(uid)))
    } else if node.deleting || node.owners.is_empty() {
        Step::Nothing
    } else {
        Step::Judge
    }
}

/// The state of an owner, as far as the graph knows it.
pub(super) fn owner_state(graph: &Graph, node: &Node, owner: &OwnerReference) -> OwnerState {
    if graph.is_gone(&owner.uid) {
        return OwnerState::Absent;
    }
    match graph.get(&owner.uid) {
        // An owner lives in the object's namespace or in none; a reference elsewhere refers to nothing.
        Some(known) if is_meant(known, node, owner) => {
            if known.awaits_dependents() {
                OwnerState::Waiting
            } else {
                OwnerState::Solid
            }
        }
        _ => OwnerState::Unknown,
    }
}

fn is_meant(known: &Node, node: &Node, owner: &OwnerReference) -> bool {
    known.name == owner.name
        && known.resource.api.kind == owner.kind
        && (known.namespace.is_empty() || known.namespace == node.namespace)
}

/// What becomes of an object.
#[derive(Debug, PartialEq)]
pub(super) enum Verdict {
    /// It stays.
    Keep,
    /// It stays, without its references to these owners.
    Drop(Vec<Uid>),
    /// It goes, its dependents as the policy says; `unblock` frees its owners of waiting for it, for they wait for
    /// each other in a circle.
    Delete {
        policy: PropagationPolicy,
        unblock: bool,
    },
}

/// Judges an object by the states of its owners. `in_circle` says whether one of its dependents waits for dependents.
pub(super) fn judge(
    node: &Node,
    owners: &[(Uid, OwnerState)],
    has_dependents: bool,
    in_circle: bool,
) -> Verdict {
    let with = |state: OwnerState| {
        owners
            .iter()
            .filter(move |(_, one)| *one == state)
            .map(|(uid, _)| uid.clone())
    };
    let solid = with(OwnerState::Solid)
        .chain(with(OwnerState::Unknown))
        .count();
    if owners.is_empty() {
        return Verdict::Keep;
    }
    if solid > 0 {
        let lost: Vec<Uid> = with(OwnerState::Absent)
            .chain(with(OwnerState::Waiting))
            .collect();
        return if lost.is_empty() {
            Verdict::Keep
        } else {
            Verdict::Drop(lost)
        };
    }
    if with(OwnerState::Waiting).count() > 0 && has_dependents {
        return Verdict::Delete {
            policy: PropagationPolicy::Foreground,
            unblock: in_circle,
        };
    }
    let policy = if node.has_finalizer(ORPHAN) {
        PropagationPolicy::Orphan
    } else if node.has_finalizer(FOREGROUND) {
        PropagationPolicy::Foreground
    } else {
        PropagationPolicy::Background
    };
    Verdict::Delete {
        policy,
        unblock: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::Resource;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
    use kube::core::{ApiResource, GroupVersionKind};
    use serde_json::json;
    use std::sync::Arc;

    fn resource() -> Arc<Resource> {
        let api = ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", "Thing"));
        Arc::new(Resource {
            api,
            namespaced: true,
        })
    }

    fn meta(uid: &str, owners: &[&str], finalizer: Option<&str>) -> ObjectMeta {
        let owners: Vec<_> = owners
            .iter()
            .map(|uid| json!({"uid": uid, "name": uid, "kind": "Thing", "apiVersion": "v1", "blockOwnerDeletion": true}))
            .collect();
        serde_json::from_value(json!({
            "uid": uid, "name": uid, "namespace": "default", "ownerReferences": owners,
            "finalizers": finalizer.map(|finalizer| [finalizer]),
            "deletionTimestamp": finalizer.map(|_| "2026-01-01T00:00:00Z"),
        }))
        .unwrap()
    }

    #[test]
    fn an_object_goes_when_its_last_owner_goes() {
        use OwnerState::{Absent, Solid, Unknown, Waiting};
        let delete = |policy, unblock| Verdict::Delete { policy, unblock };
        let cases = [
            (vec![], false, false, Verdict::Keep),
            (vec![Solid], false, false, Verdict::Keep),
            (
                vec![Solid, Absent],
                false,
                false,
                Verdict::Drop(vec!["1".into()]),
            ),
            (
                vec![Waiting, Solid],
                true,
                false,
                Verdict::Drop(vec!["0".into()]),
            ),
            (
                vec![Absent],
                false,
                false,
                delete(PropagationPolicy::Background, false),
            ),
            (
                vec![Absent, Absent],
                true,
                false,
                delete(PropagationPolicy::Background, false),
            ),
            (
                vec![Waiting],
                false,
                false,
                delete(PropagationPolicy::Background, false),
            ),
            (
                vec![Waiting, Absent],
                true,
                false,
                delete(PropagationPolicy::Foreground, false),
            ),
            (
                vec![Waiting],
                true,
                true,
                delete(PropagationPolicy::Foreground, true),
            ),
            // What cannot be looked up is not deleted.
            (vec![Unknown], false, false, Verdict::Keep),
        ];
        let mut graph = Graph::default();
        graph.apply(&resource(), &meta("a", &[], None));
        let node = graph.get("a").unwrap();
        for (states, has_dependents, in_circle, expected) in cases {
            let owners: Vec<_> = states
                .iter()
                .enumerate()
                .map(|(index, state)| (index.to_string(), *state))
                .collect();
            assert_eq!(
                judge(node, &owners, has_dependents, in_circle),
                expected,
                "{states:?}"
            );
        }
    }

    #[test]
    fn changes_say_what_to_look_at() {
        let (things, mut graph) = (resource(), Graph::default());
        assert_eq!(graph.apply(&things, &meta("owner", &[], None)), [""; 0]);
        assert_eq!(
            graph.apply(&things, &meta("child", &["owner"], None)),
            ["child"]
        );
        assert_eq!(
            graph.apply(&things, &meta("child", &["owner"], None)),
            [""; 0],
            "nothing new"
        );
        assert_eq!(step(&graph, "child"), Step::Judge);

        assert_eq!(
            graph.apply(&things, &meta("owner", &[], Some(FOREGROUND))),
            ["child", "owner"]
        );
        assert_eq!(step(&graph, "owner"), Step::Await(vec!["child".into()]));
        let child = graph.get("child").unwrap();
        assert_eq!(
            owner_state(&graph, child, &child.owners[0]),
            OwnerState::Waiting
        );

        assert_eq!(graph.remove("child"), ["owner"], "it waits no longer");
        assert_eq!(step(&graph, "owner"), Step::Await(vec![]));
    }

    #[test]
    fn dependents_of_an_owner_that_went_are_looked_at() {
        let (things, mut graph) = (resource(), Graph::default());
        graph.apply(&things, &meta("child", &["owner"], None));
        let state = |graph: &Graph| {
            let child = graph.get("child").unwrap();
            owner_state(graph, child, &child.owners[0])
        };
        assert_eq!(state(&graph), OwnerState::Unknown);
        graph.apply(&things, &meta("owner", &[], None));
        assert_eq!(state(&graph), OwnerState::Solid);
        assert_eq!(
            graph.replace(&things, &[meta("child", &["owner"], None)]),
            ["child"]
        );
        assert_eq!(state(&graph), OwnerState::Absent);
    }

    #[test]
    fn an_owner_that_orphans_frees_its_dependents() {
        let (things, mut graph) = (resource(), Graph::default());
        graph.apply(&things, &meta("b", &["owner"], None));
        graph.apply(&things, &meta("a", &["owner"], None));
        graph.apply(&things, &meta("owner", &[], Some(ORPHAN)));
        assert_eq!(
            step(&graph, "owner"),
            Step::Free(vec!["a".into(), "b".into()])
        );
    }

    #[test]
    fn a_resource_that_vanishes_takes_its_objects_out_and_judges_nobody() {
        let (things, mut graph) = (resource(), Graph::default());
        graph.apply(&resource(), &meta("owner", &[], None));
        graph.apply(&things, &meta("child", &["owner"], None));
        let owners = graph.get("owner").unwrap().resource.clone();
        graph.forget(&owners);
        assert!(graph.get("owner").is_none());
        let child = graph.get("child").unwrap();
        assert_eq!(
            owner_state(&graph, child, &child.owners[0]),
            OwnerState::Unknown
        );
    }
}
