//! The types that the API serves. A further kind is one line here, and a descriptor.

use k8s_openapi::api::{
    admissionregistration::v1 as admission, apps::v1 as apps, authentication::v1 as authentication,
    authorization::v1 as authorization, autoscaling::v1 as autoscaling,
    autoscaling::v2 as autoscaling_v2, batch::v1 as batch, certificates::v1 as certificates,
    coordination::v1 as coordination, core::v1 as core, discovery::v1 as discovery,
    events::v1 as events, flowcontrol::v1 as flowcontrol, networking::v1 as networking,
    node::v1 as node, policy::v1 as policy, rbac::v1 as rbac, resource::v1 as resource,
    scheduling::v1 as scheduling, storage::v1 as storage,
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1 as apiextensions;
use k8s_openapi::apimachinery::pkg::apis::meta::v1 as meta;
use k8s_openapi::apimachinery::pkg::version;
use k8s_openapi::kube_aggregator::pkg::apis::apiregistration::v1 as apiregistration;
use k8s_openapi::{ListableResource, Resource};
use schemars::{JsonSchema, SchemaGenerator};

/// A type that requests and answers are made of.
pub(super) struct ServedType {
    /// Such as `io.k8s.api.core.v1.Pod`.
    pub(super) name: String,
    /// Group, version and kind, if it has them.
    pub(super) kind: Option<[&'static str; 3]>,
    /// The kind of its lists.
    pub(super) list_kind: Option<&'static str>,
    /// Puts the definitions of the type, and of all types it is made of, into a generator.
    pub(super) define: fn(&mut SchemaGenerator),
}

/// The kinds, and what is sent beside them.
pub(super) fn served() -> Vec<ServedType> {
    vec![
        listed::<core::ConfigMap>(),
        listed::<core::Endpoints>(),
        listed::<core::Event>(),
        listed::<core::LimitRange>(),
        listed::<core::Namespace>(),
        listed::<core::Node>(),
        listed::<core::PersistentVolume>(),
        listed::<core::PersistentVolumeClaim>(),
        listed::<core::Pod>(),
        listed::<core::PodTemplate>(),
        listed::<core::ReplicationController>(),
        listed::<core::ResourceQuota>(),
        listed::<core::Secret>(),
        listed::<core::Service>(),
        listed::<core::ServiceAccount>(),
        listed::<admission::MutatingAdmissionPolicy>(),
        listed::<admission::MutatingAdmissionPolicyBinding>(),
        listed::<admission::MutatingWebhookConfiguration>(),
        listed::<admission::ValidatingAdmissionPolicy>(),
        listed::<admission::ValidatingAdmissionPolicyBinding>(),
        listed::<admission::ValidatingWebhookConfiguration>(),
        listed::<apiregistration::APIService>(),
        listed::<apps::ControllerRevision>(),
        listed::<apps::DaemonSet>(),
        listed::<apps::Deployment>(),
        listed::<apps::ReplicaSet>(),
        listed::<apps::StatefulSet>(),
        listed::<apiextensions::CustomResourceDefinition>(),
        listed::<certificates::CertificateSigningRequest>(),
        listed::<batch::CronJob>(),
        listed::<batch::Job>(),
        listed::<autoscaling::HorizontalPodAutoscaler>(),
        listed::<autoscaling_v2::HorizontalPodAutoscaler>(),
        listed::<coordination::Lease>(),
        listed::<discovery::EndpointSlice>(),
        listed::<events::Event>(),
        listed::<flowcontrol::FlowSchema>(),
        listed::<flowcontrol::PriorityLevelConfiguration>(),
        listed::<networking::IPAddress>(),
        listed::<networking::Ingress>(),
        listed::<networking::IngressClass>(),
        listed::<networking::NetworkPolicy>(),
        listed::<networking::ServiceCIDR>(),
        listed::<node::RuntimeClass>(),
        listed::<rbac::ClusterRole>(),
        listed::<rbac::ClusterRoleBinding>(),
        listed::<rbac::Role>(),
        listed::<rbac::RoleBinding>(),
        listed::<policy::PodDisruptionBudget>(),
        listed::<resource::DeviceClass>(),
        listed::<resource::ResourceClaim>(),
        listed::<resource::ResourceClaimTemplate>(),
        listed::<resource::ResourceSlice>(),
        listed::<scheduling::PriorityClass>(),
        listed::<storage::CSIDriver>(),
        listed::<storage::CSINode>(),
        listed::<storage::CSIStorageCapacity>(),
        listed::<storage::StorageClass>(),
        listed::<storage::VolumeAttachment>(),
        listed::<storage::VolumeAttributesClass>(),
        single::<authentication::SelfSubjectReview>(),
        single::<authentication::TokenRequest>(),
        single::<authentication::TokenReview>(),
        single::<authorization::LocalSubjectAccessReview>(),
        single::<authorization::SelfSubjectAccessReview>(),
        single::<authorization::SelfSubjectRulesReview>(),
        single::<authorization::SubjectAccessReview>(),
        single::<autoscaling::Scale>(),
        single::<core::Binding>(),
        single::<policy::Eviction>(),
    ]
}

/// What every API group sends, whatever its kinds.
pub(super) fn common() -> Vec<ServedType> {
    vec![
        single::<meta::APIGroup>(),
        single::<meta::APIGroupList>(),
        single::<meta::APIResourceList>(),
        single::<meta::APIVersions>(),
        single::<meta::Status>(),
        ServedType {
            kind: Some(["", "v1", "DeleteOptions"]),
            ..unnamed::<meta::DeleteOptions>()
        },
        ServedType {
            kind: Some(["", "v1", "WatchEvent"]),
            ..unnamed::<meta::WatchEvent<meta::Status>>()
        },
        unnamed::<meta::ListMeta>(),
        unnamed::<meta::ObjectMeta>(),
        unnamed::<meta::Patch>(),
        unnamed::<version::Info>(),
    ]
}

fn unnamed<T: JsonSchema>() -> ServedType {
    ServedType {
        name: T::schema_name().into_owned(),
        kind: None,
        list_kind: None,
        define: |generator| drop(generator.subschema_for::<T>()),
    }
}

fn single<T: JsonSchema + Resource>() -> ServedType {
    ServedType {
        kind: Some([T::GROUP, T::VERSION, T::KIND]),
        ..unnamed::<T>()
    }
}

fn listed<T: JsonSchema + ListableResource>() -> ServedType {
    ServedType {
        list_kind: Some(T::LIST_KIND),
        ..single::<T>()
    }
}
