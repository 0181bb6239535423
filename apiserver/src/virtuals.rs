//! Resources that are asked, not stored, and subresources beside `status` and `scale`.

use skiff_api::Descriptor;

use crate::request::Target;

/// A resource without objects: a question in the form of a create, or figures that are found out when they are read.
pub(crate) struct Virtual {
    pub(crate) group: &'static str,
    pub(crate) version: &'static str,
    pub(crate) resource: &'static str,
    pub(crate) singular: &'static str,
    pub(crate) short_names: &'static [&'static str],
    pub(crate) kind: &'static str,
    pub(crate) namespaced: bool,
    pub(crate) verbs: &'static [&'static str],
}

/// How the parts of the control plane are.
pub(crate) const COMPONENT_STATUSES: &str = "componentstatuses";
/// The group that tells what Nodes and Pods use.
pub(crate) const METRICS: &str = "metrics.k8s.io";
const AUTHENTICATION: &str = "authentication.k8s.io";
const AUTHORIZATION: &str = "authorization.k8s.io";

const fn review(
    group: &'static str,
    resource: &'static str,
    singular: &'static str,
    kind: &'static str,
) -> Virtual {
    Virtual {
        group,
        version: "v1",
        resource,
        singular,
        short_names: &[],
        kind,
        namespaced: false,
        verbs: &["create"],
    }
}

/// What Nodes or Pods use.
const fn usage(resource: &'static str, kind: &'static str, namespaced: bool) -> Virtual {
    Virtual {
        group: METRICS,
        version: "v1beta1",
        resource,
        singular: "",
        short_names: &[],
        kind,
        namespaced,
        verbs: &["get", "list"],
    }
}

/// All of them.
pub(crate) const VIRTUALS: [Virtual; 10] = [
    Virtual {
        group: "",
        version: "v1",
        resource: COMPONENT_STATUSES,
        singular: "componentstatus",
        short_names: &["cs"],
        kind: "ComponentStatus",
        namespaced: false,
        verbs: &["get", "list"],
    },
    Virtual {
        group: "",
        version: "v1",
        resource: "bindings",
        singular: "binding",
        short_names: &[],
        kind: "Binding",
        namespaced: true,
        verbs: &["create"],
    },
    usage("nodes", "NodeMetrics", false),
    usage("pods", "PodMetrics", true),
    review(AUTHENTICATION, "tokenreviews", "tokenreview", "TokenReview"),
    review(
        AUTHENTICATION,
        "selfsubjectreviews",
        "selfsubjectreview",
        "SelfSubjectReview",
    ),
    review(
        AUTHORIZATION,
        "selfsubjectaccessreviews",
        "selfsubjectaccessreview",
        "SelfSubjectAccessReview",
    ),
    review(
        AUTHORIZATION,
        "selfsubjectrulesreviews",
        "selfsubjectrulesreview",
        "SelfSubjectRulesReview",
    ),
    review(
        AUTHORIZATION,
        "subjectaccessreviews",
        "subjectaccessreview",
        "SubjectAccessReview",
    ),
    Virtual {
        namespaced: true,
        ..review(
            AUTHORIZATION,
            "localsubjectaccessreviews",
            "localsubjectaccessreview",
            "LocalSubjectAccessReview",
        )
    },
];

/// The one that a request is about.
pub(crate) fn find(target: &Target) -> Option<&'static Virtual> {
    VIRTUALS.iter().find(|known| {
        known.group == target.group
            && known.version == target.version
            && known.resource == target.resource
            && target.subresource.is_empty()
    })
}

/// A subresource of a built-in kind.
pub(crate) struct Subresource {
    pub(crate) resource: &'static str,
    pub(crate) subresource: &'static str,
    /// Group, version and kind of what is sent and answered.
    pub(crate) kind: (&'static str, &'static str, &'static str),
    pub(crate) verbs: &'static [&'static str],
}

/// Every method is passed on.
const PROXY_VERBS: &[&str] = &["create", "delete", "get", "patch", "update"];

/// All of them.
pub(crate) const SUBRESOURCES: &[Subresource] = &[
    Subresource {
        resource: "certificatesigningrequests",
        subresource: "approval",
        kind: ("certificates.k8s.io", "v1", "CertificateSigningRequest"),
        verbs: &["get", "patch", "update"],
    },
    Subresource {
        resource: "namespaces",
        subresource: "finalize",
        kind: ("", "v1", "Namespace"),
        verbs: &["update"],
    },
    Subresource {
        resource: "nodes",
        subresource: "proxy",
        kind: ("", "v1", "NodeProxyOptions"),
        verbs: PROXY_VERBS,
    },
    Subresource {
        resource: "pods",
        subresource: "attach",
        kind: ("", "v1", "PodAttachOptions"),
        verbs: &["create", "get"],
    },
    Subresource {
        resource: "pods",
        subresource: "binding",
        kind: ("", "v1", "Binding"),
        verbs: &["create"],
    },
    Subresource {
        resource: "pods",
        subresource: "ephemeralcontainers",
        kind: ("", "v1", "Pod"),
        verbs: &["get", "patch", "update"],
    },
    Subresource {
        resource: "pods",
        subresource: "eviction",
        kind: ("policy", "v1", "Eviction"),
        verbs: &["create"],
    },
    Subresource {
        resource: "pods",
        subresource: "exec",
        kind: ("", "v1", "PodExecOptions"),
        verbs: &["create", "get"],
    },
    Subresource {
        resource: "pods",
        subresource: "log",
        kind: ("", "v1", "Pod"),
        verbs: &["get"],
    },
    Subresource {
        resource: "pods",
        subresource: "portforward",
        kind: ("", "v1", "PodPortForwardOptions"),
        verbs: &["create", "get"],
    },
    Subresource {
        resource: "pods",
        subresource: "proxy",
        kind: ("", "v1", "PodProxyOptions"),
        verbs: PROXY_VERBS,
    },
    Subresource {
        resource: "pods",
        subresource: "resize",
        kind: ("", "v1", "Pod"),
        verbs: &["get", "patch", "update"],
    },
    Subresource {
        resource: "serviceaccounts",
        subresource: "token",
        kind: (AUTHENTICATION, "v1", "TokenRequest"),
        verbs: &["create"],
    },
    Subresource {
        resource: "services",
        subresource: "proxy",
        kind: ("", "v1", "ServiceProxyOptions"),
        verbs: PROXY_VERBS,
    },
];

/// Those of a kind.
pub(crate) fn of(descriptor: &Descriptor) -> impl Iterator<Item = &'static Subresource> {
    SUBRESOURCES.iter().filter(|known| {
        let of_group = descriptor.group.is_empty() || descriptor.group == known.kind.0;
        of_group && descriptor.plural == known.resource
    })
}
