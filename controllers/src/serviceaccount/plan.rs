//! What a namespace is to be given.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ConfigMap, Namespace, ServiceAccount};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt;

/// The account of Pods that name none.
pub(super) const ACCOUNT: &str = "default";
/// The ConfigMap that Pods verify the API server with.
pub(super) const AUTHORITY: &str = "kube-root-ca.crt";
const CERTIFICATES: &str = "ca.crt";
const DESCRIPTION: &str = "kubernetes.io/description";
const WORDS: &str = "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints \
    such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of \
    Kubernetes clusters.";

/// What is to be written.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Plan {
    pub(super) create_account: Option<ServiceAccount>,
    pub(super) create_authority: Option<ConfigMap>,
    pub(super) update_authority: Option<ConfigMap>,
}

/// Compares what a namespace has with what it is to have.
pub(super) fn plan(
    namespace: &Namespace,
    account: Option<&ServiceAccount>,
    authority: Option<&ConfigMap>,
    root_ca_pem: &str,
) -> Plan {
    let terminating = namespace.metadata.deletion_timestamp.is_some();
    if terminating {
        return Plan::default();
    }
    let wanted = config_map(&namespace.name_any(), root_ca_pem);
    Plan {
        create_account: account.is_none().then(|| ServiceAccount {
            metadata: meta(&namespace.name_any(), ACCOUNT),
            ..ServiceAccount::default()
        }),
        update_authority: authority
            .filter(|authority| authority.data != wanted.data)
            .map(|authority| ConfigMap {
                data: wanted.data.clone(),
                ..authority.clone()
            }),
        create_authority: authority.is_none().then_some(wanted),
    }
}

fn config_map(namespace: &str, root_ca_pem: &str) -> ConfigMap {
    let annotations = BTreeMap::from([(DESCRIPTION.to_owned(), WORDS.to_owned())]);
    ConfigMap {
        metadata: ObjectMeta {
            annotations: Some(annotations),
            ..meta(namespace, AUTHORITY)
        },
        data: Some(BTreeMap::from([(
            CERTIFICATES.to_owned(),
            root_ca_pem.to_owned(),
        )])),
        ..ConfigMap::default()
    }
}

fn meta(namespace: &str, name: &str) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.to_owned()),
        namespace: Some(namespace.to_owned()),
        ..ObjectMeta::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_gets_what_it_lacks_until_it_is_deleted() {
        let namespace: Namespace =
            serde_json::from_value(serde_json::json!({"metadata": {"name": "a"}})).unwrap();
        let first = plan(&namespace, None, None, "PEM");
        let account = first.create_account.unwrap();
        let authority = first.create_authority.unwrap();
        assert_eq!(account.name_any(), "default");
        assert_eq!(authority.data.as_ref().unwrap()["ca.crt"], "PEM");

        let settled = plan(&namespace, Some(&account), Some(&authority), "PEM");
        assert_eq!(settled, Plan::default());
        let renewed = plan(&namespace, Some(&account), Some(&authority), "NEW PEM");
        assert_eq!(
            renewed.update_authority.unwrap().data.unwrap()["ca.crt"],
            "NEW PEM"
        );

        let terminating: Namespace = serde_json::from_value(
            serde_json::json!({"metadata": {"name": "a", "deletionTimestamp": "2026-01-01T00:00:00Z"}}),
        )
        .unwrap();
        assert_eq!(plan(&terminating, None, None, "PEM"), Plan::default());
    }
}
