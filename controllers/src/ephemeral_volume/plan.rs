//! Which claims a Pod lacks.

use k8s_openapi::api::core::v1::{PersistentVolumeClaim, PersistentVolumeClaimTemplate, Pod};
use kube::ResourceExt;
use skiff_api::volumes::claim_names;

use crate::ownership::{controller_reference, is_controlled_by};

/// What is to be done for a Pod.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Plan {
    pub(super) create: Vec<PersistentVolumeClaim>,
    /// Claims that have the names of the Pod's, and are another's.
    pub(super) conflicts: Vec<String>,
}

/// The templates of the Pod's ephemeral volumes, with the names of their claims.
pub(super) fn templates(
    pod: &Pod,
) -> impl Iterator<Item = (String, &PersistentVolumeClaimTemplate)> {
    let volumes = pod
        .spec
        .iter()
        .flat_map(|spec| spec.volumes.iter().flatten());
    volumes.filter_map(|volume| {
        let template = volume.ephemeral.as_ref()?.volume_claim_template.as_ref()?;
        let mut claims = claim_names(pod);
        let (_, claim) = claims.find(|(name, _)| *name == volume.name)?;
        Some((claim, template))
    })
}

/// Compares the claims of the Pod with those that `known` finds by name.
pub(super) fn plan(pod: &Pod, known: impl Fn(&str) -> Option<PersistentVolumeClaim>) -> Plan {
    let mut plan = Plan::default();
    if pod.metadata.deletion_timestamp.is_some() {
        return plan;
    }
    for (name, template) in templates(pod) {
        match known(&name) {
            None => plan.create.push(claim(pod, name, template)),
            Some(found) if is_controlled_by(&found, pod) => {}
            Some(_) => plan.conflicts.push(format!(
                "PVC {}/{name} was not created for pod {}/{} (pod is not owner)",
                pod.namespace().unwrap_or_default(),
                pod.namespace().unwrap_or_default(),
                pod.name_any(),
            )),
        }
    }
    plan
}

fn claim(
    pod: &Pod,
    name: String,
    template: &PersistentVolumeClaimTemplate,
) -> PersistentVolumeClaim {
    let mut metadata = template.metadata.clone().unwrap_or_default();
    metadata.name = Some(name);
    metadata.namespace = pod.namespace();
    metadata.owner_references = Some(vec![controller_reference(pod)]);
    PersistentVolumeClaim {
        metadata,
        spec: Some(template.spec.clone()),
        status: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_pod_gets_the_claims_it_lacks_and_takes_no_others() {
        let template = json!({ "metadata": { "labels": { "disk": "fast" } },
            "spec": { "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "1Gi" } } } });
        let pod: Pod = serde_json::from_value(json!({
            "metadata": { "name": "web", "namespace": "default", "uid": "u" },
            "spec": { "containers": [], "volumes": [
                { "name": "scratch", "ephemeral": { "volumeClaimTemplate": template } },
                { "name": "other", "emptyDir": {} }] },
        }))
        .unwrap();
        let first = plan(&pod, |_| None);
        let made = json!(first.create);
        assert_eq!(made[0]["metadata"]["name"], "web-scratch");
        assert_eq!(made[0]["metadata"]["labels"], json!({ "disk": "fast" }));
        assert_eq!(made[0]["metadata"]["ownerReferences"][0]["uid"], "u");
        assert_eq!(first.create.len(), 1);
        assert_eq!(
            plan(&pod, |_| first.create.first().cloned()),
            Plan::default()
        );
        let anothers = PersistentVolumeClaim::default();
        let words =
            "PVC default/web-scratch was not created for pod default/web (pod is not owner)";
        assert_eq!(plan(&pod, |_| Some(anothers.clone())).conflicts, [words]);
    }
}
