//! Descriptors with what most kinds have in common.

use std::borrow::Cow;
use std::sync::Arc;

use crate::{Descriptor, ScalePaths, Scope, Strategy, Subresources, Verb};

/// An API group of which we serve `v1`.
pub(crate) struct Group {
    /// The name in `apiVersion`, empty for core.
    name: &'static str,
    /// The name in OpenAPI, such as `io.k8s.api.apps.v1`.
    types: &'static str,
}

pub(crate) const CORE: Group = Group {
    name: "",
    types: "io.k8s.api.core.v1",
};
pub(crate) const ADMISSION: Group = Group {
    name: "admissionregistration.k8s.io",
    types: "io.k8s.api.admissionregistration.v1",
};
pub(crate) const API_EXTENSIONS: Group = Group {
    name: "apiextensions.k8s.io",
    types: "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1",
};
pub(crate) const API_REGISTRATION: Group = Group {
    name: "apiregistration.k8s.io",
    types: "io.k8s.kube-aggregator.pkg.apis.apiregistration.v1",
};
pub(crate) const APPS: Group = Group {
    name: "apps",
    types: "io.k8s.api.apps.v1",
};
pub(crate) const CERTIFICATES: Group = Group {
    name: "certificates.k8s.io",
    types: "io.k8s.api.certificates.v1",
};
pub(crate) const AUTOSCALING: Group = Group {
    name: "autoscaling",
    types: "io.k8s.api.autoscaling.v1",
};
pub(crate) const BATCH: Group = Group {
    name: "batch",
    types: "io.k8s.api.batch.v1",
};
pub(crate) const COORDINATION: Group = Group {
    name: "coordination.k8s.io",
    types: "io.k8s.api.coordination.v1",
};
pub(crate) const DISCOVERY: Group = Group {
    name: "discovery.k8s.io",
    types: "io.k8s.api.discovery.v1",
};
pub(crate) const EVENTS: Group = Group {
    name: "events.k8s.io",
    types: "io.k8s.api.events.v1",
};
pub(crate) const FLOW_CONTROL: Group = Group {
    name: "flowcontrol.apiserver.k8s.io",
    types: "io.k8s.api.flowcontrol.v1",
};
pub(crate) const NETWORKING: Group = Group {
    name: "networking.k8s.io",
    types: "io.k8s.api.networking.v1",
};
pub(crate) const NODE: Group = Group {
    name: "node.k8s.io",
    types: "io.k8s.api.node.v1",
};
pub(crate) const RBAC: Group = Group {
    name: "rbac.authorization.k8s.io",
    types: "io.k8s.api.rbac.v1",
};
pub(crate) const POLICY: Group = Group {
    name: "policy",
    types: "io.k8s.api.policy.v1",
};
pub(crate) const RESOURCE: Group = Group {
    name: "resource.k8s.io",
    types: "io.k8s.api.resource.v1",
};
pub(crate) const SCHEDULING: Group = Group {
    name: "scheduling.k8s.io",
    types: "io.k8s.api.scheduling.v1",
};
pub(crate) const STORAGE: Group = Group {
    name: "storage.k8s.io",
    types: "io.k8s.api.storage.v1",
};

/// A kind of namespaces with all verbs, no subresources and no short names.
pub(crate) fn namespaced(
    group: Group,
    kind: &'static str,
    plural: &'static str,
    strategy: impl Strategy + 'static,
) -> Descriptor {
    Descriptor {
        group: group.name.into(),
        version: "v1".into(),
        kind: kind.into(),
        plural: plural.into(),
        singular: kind.to_lowercase().into(),
        short_names: Vec::new(),
        categories: Vec::new(),
        scope: Scope::Namespaced,
        verbs: Verb::ALL.to_vec(),
        subresources: Subresources::default(),
        type_name: format!("{}.{kind}", group.types).into(),
        strategy: Arc::new(strategy),
    }
}

/// Like [`namespaced`], for a kind of the whole cluster.
pub(crate) fn cluster(
    group: Group,
    kind: &'static str,
    plural: &'static str,
    strategy: impl Strategy + 'static,
) -> Descriptor {
    Descriptor {
        scope: Scope::Cluster,
        ..namespaced(group, kind, plural, strategy)
    }
}

/// The one short name of a kind.
pub(crate) fn short(name: &'static str) -> Vec<Cow<'static, str>> {
    vec![name.into()]
}

/// The category of what `kubectl get all` shows.
pub(crate) fn all() -> Vec<Cow<'static, str>> {
    vec!["all".into()]
}

/// `status` alone.
pub(crate) fn status() -> Subresources {
    Subresources {
        status: true,
        scale: None,
    }
}

/// `status`, and `scale` where all workloads have it.
pub(crate) fn status_and_scale() -> Subresources {
    let scale = ScalePaths {
        spec_replicas: "/spec/replicas".into(),
        status_replicas: "/status/replicas".into(),
        selector: Some("/spec/selector".into()),
    };
    Subresources {
        status: true,
        scale: Some(scale),
    }
}
