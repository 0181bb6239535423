//! Which objects the content of a Pod depends on, so that a change of them wakes it.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::Pod;

use crate::pods::{env_references, object};

/// An object of the Pod's namespace that the Pod reads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reference {
    /// A ConfigMap by name.
    ConfigMap(String),
    /// A Secret by name.
    Secret(String),
}

/// All ConfigMaps and Secrets that the Pod's volumes and variables name.
pub(crate) fn references(pod: &Pod) -> BTreeSet<Reference> {
    let mut all = BTreeSet::new();
    let config_map = |name: &str| Reference::ConfigMap(name.to_owned());
    let secret = |name: &str| Reference::Secret(name.to_owned());
    let spec = pod.spec.as_ref();
    for volume in spec
        .and_then(|spec| spec.volumes.as_deref())
        .unwrap_or_default()
    {
        all.extend(
            volume
                .config_map
                .iter()
                .map(|source| config_map(&source.name)),
        );
        let name = volume
            .secret
            .iter()
            .flat_map(|source| source.secret_name.as_deref());
        all.extend(name.map(secret));
        let projected = volume
            .projected
            .iter()
            .flat_map(|source| source.sources.iter().flatten());
        for source in projected {
            all.extend(
                source
                    .config_map
                    .iter()
                    .map(|source| config_map(&source.name)),
            );
            all.extend(source.secret.iter().map(|source| secret(&source.name)));
        }
    }
    for (_, container) in object::containers(pod) {
        let (config_maps, secrets) = env_references(container);
        all.extend(config_maps.into_iter().map(config_map));
        all.extend(secrets.into_iter().map(secret));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn volumes_and_variables_are_looked_at() {
        let pod: Pod = serde_json::from_value(json!({"spec": {
            "volumes": [
                {"name": "a", "configMap": {"name": "cm1"}},
                {"name": "b", "secret": {"secretName": "s1"}},
                {"name": "c", "projected": {"sources": [{"configMap": {"name": "cm2"}}, {"secret": {"name": "s2"}}]}}
            ],
            "containers": [{"name": "x", "envFrom": [{"configMapRef": {"name": "cm3"}}],
                "env": [{"name": "E", "valueFrom": {"secretKeyRef": {"name": "s3", "key": "k"}}}]}]
        }}))
        .expect("a Pod");
        let config_maps = ["cm1", "cm2", "cm3"].map(|name| Reference::ConfigMap(name.to_owned()));
        let secrets = ["s1", "s2", "s3"].map(|name| Reference::Secret(name.to_owned()));
        assert_eq!(
            references(&pod),
            config_maps.into_iter().chain(secrets).collect()
        );
    }
}
