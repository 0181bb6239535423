//! What ReplicaSets and ReplicationControllers have in common.

use std::borrow::Cow;
use std::fmt::Debug;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::{
    ReplicaSet, ReplicaSetCondition, ReplicaSetSpec, ReplicaSetStatus,
};
use k8s_openapi::api::core::v1::{
    ReplicationController, ReplicationControllerCondition, ReplicationControllerStatus,
};
use k8s_openapi::serde::Serialize;
use kube::Resource;

use skiff_client::Watched;

use crate::selection::Selection;

/// A kind that keeps a number of Pods.
pub(super) trait Replicas:
    Watched + Resource<Scope = NamespaceResourceScope> + Serialize + PartialEq + Debug
{
    /// Which Pods are its own.
    fn selection(&self) -> Selection;

    /// As a ReplicaSet, whose rules it follows.
    fn as_replica_set(&self) -> Cow<'_, ReplicaSet>;

    /// With that status.
    fn with_status(&self, status: ReplicaSetStatus) -> Self;
}

impl Replicas for ReplicaSet {
    fn selection(&self) -> Selection {
        let selector = self.spec.as_ref().map(|spec| Selection::of(&spec.selector));
        selector.unwrap_or_default()
    }

    fn as_replica_set(&self) -> Cow<'_, ReplicaSet> {
        Cow::Borrowed(self)
    }

    fn with_status(&self, status: ReplicaSetStatus) -> Self {
        Self {
            status: Some(status),
            ..self.clone()
        }
    }
}

impl Replicas for ReplicationController {
    fn selection(&self) -> Selection {
        let labels = self.spec.as_ref().and_then(|spec| spec.selector.as_ref());
        labels.map(Selection::of_labels).unwrap_or_default()
    }

    fn as_replica_set(&self) -> Cow<'_, ReplicaSet> {
        let spec = self.spec.clone().unwrap_or_default();
        let status = self.status.clone().unwrap_or_default();
        Cow::Owned(ReplicaSet {
            metadata: self.metadata.clone(),
            spec: Some(ReplicaSetSpec {
                min_ready_seconds: spec.min_ready_seconds,
                replicas: spec.replicas,
                template: spec.template,
                // Selection is by labels alone, see above.
                ..ReplicaSetSpec::default()
            }),
            status: Some(ReplicaSetStatus {
                conditions: status
                    .conditions
                    .map(|all| all.into_iter().map(younger).collect()),
                ..ReplicaSetStatus::default()
            }),
        })
    }

    fn with_status(&self, status: ReplicaSetStatus) -> Self {
        Self {
            status: Some(ReplicationControllerStatus {
                available_replicas: status.available_replicas,
                conditions: status
                    .conditions
                    .map(|all| all.into_iter().map(elder).collect()),
                fully_labeled_replicas: status.fully_labeled_replicas,
                observed_generation: status.observed_generation,
                ready_replicas: status.ready_replicas,
                replicas: status.replicas,
            }),
            ..self.clone()
        }
    }
}

fn younger(condition: ReplicationControllerCondition) -> ReplicaSetCondition {
    ReplicaSetCondition {
        last_transition_time: condition.last_transition_time,
        message: condition.message,
        reason: condition.reason,
        status: condition.status,
        type_: condition.type_,
    }
}

fn elder(condition: ReplicaSetCondition) -> ReplicationControllerCondition {
    ReplicationControllerCondition {
        last_transition_time: condition.last_transition_time,
        message: condition.message,
        reason: condition.reason,
        status: condition.status,
        type_: condition.type_,
    }
}
