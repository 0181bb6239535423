//! What a claim needs next.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim, Pod};
use k8s_openapi::api::storage::v1::StorageClass;
use kube::ResourceExt;
use skiff_api::volumes::{
    BOUND_BY_CONTROLLER, LOCAL_PATH, Mismatch, SELECTED_NODE, annotation, best_match, claim_ref,
    class_of_claim, is_fully_bound, mismatch, refers_to, waits_for_consumer,
};

use super::wake::volume_of;

/// What is seen of a claim and around it.
pub(super) struct Input<'a> {
    pub(super) claim: &'a PersistentVolumeClaim,
    pub(super) volumes: &'a [Arc<PersistentVolume>],
    /// The class that the claim names, if there is such a one.
    pub(super) class: Option<&'a StorageClass>,
    /// The Pods that use the claim.
    pub(super) users: &'a [Arc<Pod>],
    /// A Node on which a volume of that claim may be made, if no consumer says which.
    pub(super) any_node: Option<&'a str>,
    /// Whether the Node that the scheduler selected is gone.
    pub(super) is_node_gone: bool,
}

/// What is to be done with a claim.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Plan {
    /// It stays as it is.
    Nothing,
    /// It is pending, for that reason.
    Pending(Option<Told>),
    /// It is bound to the volume of that name, or that is completed.
    Bind(String),
    /// A provisioner is to make a volume, on that node if it is named here.
    Provision {
        provisioner: String,
        node: Option<String>,
    },
    /// The scheduler is to select another Node.
    Reschedule,
    /// Its volume is to become as large as the claim asks for.
    Expand(String),
    /// The volume that it was bound to is not there any more, or is not its own.
    Lost(Told),
}

/// An event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) is_warning: bool,
    pub(super) reason: &'static str,
    pub(super) message: String,
}

impl Told {
    fn normal(reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            is_warning: false,
            reason,
            message: message.into(),
        }
    }

    pub(super) fn warning(reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            is_warning: true,
            reason,
            message: message.into(),
        }
    }
}

/// Plans the next step of a claim.
pub(super) fn plan(seen: &Input<'_>) -> Plan {
    let named = volume_of(seen.claim);
    if is_fully_bound(seen.claim) || phase(seen.claim) == Some("Lost") {
        return bound(seen, named);
    }
    if seen.claim.metadata.deletion_timestamp.is_some() {
        return Plan::Nothing;
    }
    match named {
        Some(name) => unbound_with_volume(seen, name),
        None => unbound(seen),
    }
}

fn phase(claim: &PersistentVolumeClaim) -> Option<&str> {
    claim.status.as_ref()?.phase.as_deref()
}

fn bound(seen: &Input<'_>, named: Option<&str>) -> Plan {
    let lost = |message: &str| match phase(seen.claim) {
        Some("Lost") => Plan::Nothing,
        _ => Plan::Lost(Told::warning("ClaimLost", message)),
    };
    let Some(name) = named else {
        return lost(
            "Bound claim has lost reference to PersistentVolume. Data on the volume is lost!",
        );
    };
    let Some(volume) = find(seen.volumes, name) else {
        return lost("Bound claim has lost its PersistentVolume. Data on the volume is lost!");
    };
    match claim_ref(volume) {
        Some(reference) if !refers_to(reference, seen.claim) => match phase(seen.claim) {
            Some("Lost") => Plan::Nothing,
            _ => Plan::Lost(Told::warning(
                "ClaimMisbound",
                "Two claims are bound to the same volume, this one is bound incorrectly",
            )),
        },
        _ if is_to_grow(seen, volume) => Plan::Expand(name.to_owned()),
        _ => Plan::Bind(name.to_owned()),
    }
}

/// A folder is as large as its claim wants to be.
fn is_to_grow(seen: &Input<'_>, volume: &PersistentVolume) -> bool {
    let allowed = seen.class.is_some_and(|class| {
        class.provisioner == LOCAL_PATH && class.allow_volume_expansion == Some(true)
    });
    allowed && mismatch(volume, seen.claim) == Some(Mismatch::Capacity)
}

fn unbound_with_volume(seen: &Input<'_>, name: &str) -> Plan {
    // It may come yet.
    let Some(volume) = find(seen.volumes, name) else {
        return Plan::Pending(None);
    };
    match claim_ref(volume) {
        Some(reference) if refers_to(reference, seen.claim) => Plan::Bind(name.to_owned()),
        Some(_) => {
            let message = format!("volume {name:?} already bound to a different claim.");
            Plan::Pending(Some(Told::warning("FailedBinding", message)))
        }
        None => match mismatch(volume, seen.claim) {
            None => Plan::Bind(name.to_owned()),
            Some(why) => {
                let message = format!("Cannot bind to requested volume {name:?}: {why}");
                Plan::Pending(Some(Told::warning("VolumeMismatch", message)))
            }
        },
    }
}

fn unbound(seen: &Input<'_>) -> Plan {
    let annotations = seen.claim.metadata.annotations.as_ref();
    let waits = seen.class.is_some_and(waits_for_consumer);
    let selected = annotation(annotations, SELECTED_NODE);
    // Where the class waits, the scheduler chooses the volume together with the node; a user's choice stands.
    let found = best_match(seen.claim, seen.volumes, |_| !waits);
    if let Some(volume) = found {
        return Plan::Bind(volume.name_any());
    }
    if waits && seen.is_node_gone {
        return Plan::Reschedule;
    }
    if waits && selected.is_none() {
        return Plan::Pending(Some(waiting_for_consumer(seen.users)));
    }
    let class = class_of_claim(seen.claim);
    let Some(known) = seen.class else {
        return Plan::Pending(Some(match class {
            "" => Told::normal(
                "FailedBinding",
                "no persistent volumes available for this claim and no storage class is set",
            ),
            class => Told::warning(
                "ProvisioningFailed",
                format!("storageclass.storage.k8s.io {class:?} not found"),
            ),
        }));
    };
    match known.provisioner.as_str() {
        "kubernetes.io/no-provisioner" => {
            let message =
                format!("storageclass {class:?} has no provisioner: volumes are made by hand");
            Plan::Pending(Some(Told::normal("FailedBinding", message)))
        }
        provisioner => Plan::Provision {
            provisioner: provisioner.to_owned(),
            node: seen
                .any_node
                .filter(|_| selected.is_none() && provisioner == LOCAL_PATH)
                .map(str::to_owned),
        },
    }
}

fn waiting_for_consumer(users: &[Arc<Pod>]) -> Told {
    let mut names: Vec<String> = users.iter().map(|pod| pod.name_any()).collect();
    names.sort();
    match names.as_slice() {
        [] => Told::normal(
            "WaitForFirstConsumer",
            "waiting for first consumer to be created before binding",
        ),
        [one] => Told::normal(
            "WaitForPodScheduled",
            format!("waiting for pod {one} to be scheduled"),
        ),
        many => Told::normal(
            "WaitForPodScheduled",
            format!("waiting for pods {} to be scheduled", many.join(",")),
        ),
    }
}

fn find<'a>(volumes: &'a [Arc<PersistentVolume>], name: &str) -> Option<&'a PersistentVolume> {
    let mut volumes = volumes.iter();
    volumes
        .find(|volume| volume.metadata.name.as_deref() == Some(name))
        .map(|volume| &**volume)
}

/// Whether a controller chose the volume of the claim, rather than a user.
pub(super) fn is_bound_by_controller(claim: &PersistentVolumeClaim) -> bool {
    annotation(claim.metadata.annotations.as_ref(), BOUND_BY_CONTROLLER).is_some()
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{claim, class, pod, volume};
    use super::*;
    use serde_json::json;

    fn planned(
        claim: &PersistentVolumeClaim,
        volumes: &[Arc<PersistentVolume>],
        class: Option<&StorageClass>,
        users: &[Arc<Pod>],
    ) -> Plan {
        plan(&Input {
            claim,
            volumes,
            class,
            users,
            any_node: Some("n1"),
            is_node_gone: claim
                .metadata
                .annotations
                .as_ref()
                .is_some_and(|all| all.get(SELECTED_NODE).is_some_and(|node| node == "gone")),
        })
    }

    fn reason(plan: &Plan) -> (&str, &str) {
        match plan {
            Plan::Pending(Some(told)) | Plan::Lost(told) => (told.reason, &told.message),
            other => panic!("{other:?} tells nothing"),
        }
    }

    #[test]
    fn a_claim_takes_a_free_volume_or_says_what_it_waits_for() {
        let volumes = [volume("pv1", json!({}))];
        let plain = claim(json!({}));
        assert_eq!(
            planned(&plain, &volumes, None, &[]),
            Plan::Bind("pv1".into())
        );
        let words = "no persistent volumes available for this claim and no storage class is set";
        assert_eq!(
            reason(&planned(&plain, &[], None, &[])),
            ("FailedBinding", words)
        );
        let fast = claim(json!({ "spec": { "storageClassName": "fast" } }));
        let words = "storageclass.storage.k8s.io \"fast\" not found";
        assert_eq!(
            reason(&planned(&fast, &[], None, &[])),
            ("ProvisioningFailed", words)
        );
    }

    #[test]
    fn where_the_class_waits_nothing_happens_before_a_pod_is_scheduled() {
        let waits = class("fast", LOCAL_PATH, "WaitForFirstConsumer");
        let fast = claim(json!({ "spec": { "storageClassName": "fast" } }));
        let free = [volume(
            "pv1",
            json!({ "spec": { "storageClassName": "fast" } }),
        )];
        let words = "waiting for first consumer to be created before binding";
        assert_eq!(
            reason(&planned(&fast, &free, Some(&waits), &[])),
            ("WaitForFirstConsumer", words)
        );
        let users = [pod("web-0")];
        let words = "waiting for pod web-0 to be scheduled";
        assert_eq!(
            reason(&planned(&fast, &[], Some(&waits), &users)),
            ("WaitForPodScheduled", words)
        );
        let chosen = claim(json!({
            "metadata": { "annotations": { SELECTED_NODE: "n2" } }, "spec": { "storageClassName": "fast" } }));
        let provision = |node: Option<&str>| Plan::Provision {
            provisioner: LOCAL_PATH.into(),
            node: node.map(str::to_owned),
        };
        assert_eq!(planned(&chosen, &[], Some(&waits), &users), provision(None));
        let stranded = claim(json!({
            "metadata": { "annotations": { SELECTED_NODE: "gone" } }, "spec": { "storageClassName": "fast" } }));
        let plan = planned(&stranded, &[], Some(&waits), &users);
        assert_eq!(plan, Plan::Reschedule);
        let at_once = class("fast", LOCAL_PATH, "Immediate");
        assert_eq!(
            planned(&fast, &[], Some(&at_once), &[]),
            provision(Some("n1"))
        );
    }

    #[test]
    fn a_claim_may_name_its_volume() {
        let named = claim(json!({ "spec": { "volumeName": "pv1" } }));
        let bind = Plan::Bind("pv1".into());
        assert_eq!(
            planned(&named, &[], None, &[]),
            Plan::Pending(None),
            "it may come yet"
        );
        assert_eq!(
            planned(&named, &[volume("pv1", json!({}))], None, &[]),
            bind
        );
        let small = volume(
            "pv1",
            json!({ "spec": { "capacity": { "storage": "1Mi" } } }),
        );
        let words = "Cannot bind to requested volume \"pv1\": requested PV is too small";
        assert_eq!(
            reason(&planned(&named, &[small], None, &[])),
            ("VolumeMismatch", words)
        );
        let reference = json!({ "name": "other", "namespace": "default", "uid": "x" });
        let taken = volume("pv1", json!({ "spec": { "claimRef": reference } }));
        let words = "volume \"pv1\" already bound to a different claim.";
        assert_eq!(
            reason(&planned(&named, &[taken], None, &[])),
            ("FailedBinding", words)
        );
    }

    #[test]
    fn a_bound_claim_that_loses_its_volume_is_lost() {
        let bound = claim(json!({
            "metadata": { "annotations": { "pv.kubernetes.io/bind-completed": "yes" } },
            "spec": { "volumeName": "pv1" }, "status": { "phase": "Bound" } }));
        let mine = json!({ "name": "data", "namespace": "default", "uid": "u" });
        let volumes = [volume("pv1", json!({ "spec": { "claimRef": mine } }))];
        assert_eq!(
            planned(&bound, &volumes, None, &[]),
            Plan::Bind("pv1".into())
        );
        let words = "Bound claim has lost its PersistentVolume. Data on the volume is lost!";
        assert_eq!(
            reason(&planned(&bound, &[], None, &[])),
            ("ClaimLost", words)
        );
        let other = json!({ "name": "other", "namespace": "default", "uid": "x" });
        let volumes = [volume("pv1", json!({ "spec": { "claimRef": other } }))];
        assert_eq!(
            reason(&planned(&bound, &volumes, None, &[])).0,
            "ClaimMisbound"
        );
    }

    #[test]
    fn a_bound_claim_grows_where_its_class_lets_it() {
        let mut grows = class("fast", LOCAL_PATH, "Immediate");
        grows.allow_volume_expansion = Some(true);
        let bound = claim(json!({
            "metadata": { "annotations": { "pv.kubernetes.io/bind-completed": "yes" } },
            "spec": { "volumeName": "pv1", "resources": { "requests": { "storage": "9Gi" } } } }));
        let mine = json!({ "name": "data", "namespace": "default", "uid": "u" });
        let volumes = [volume("pv1", json!({ "spec": { "claimRef": mine } }))];
        assert_eq!(
            planned(&bound, &volumes, Some(&grows), &[]),
            Plan::Expand("pv1".into())
        );
        grows.allow_volume_expansion = None;
        assert_eq!(
            planned(&bound, &volumes, Some(&grows), &[]),
            Plan::Bind("pv1".into())
        );
    }
}
