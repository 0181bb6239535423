use std::sync::Arc;

use k8s_openapi::api::core::v1::{Container, Pod, ResourceRequirements};

use crate::pods::config::resources::Bounds;
use crate::pods::object;

/// The Pod as it is wanted, with the resources that `granted` and its containers have.
pub(super) fn with_resources_of(wanted: &Arc<Pod>, granted: &Pod) -> Arc<Pod> {
    let own = granted
        .spec
        .as_ref()
        .and_then(|spec| spec.resources.as_ref());
    with_resources(wanted, Some(own), |container| {
        object::container(granted, &container.name)?
            .resources
            .as_ref()
    })
}

/// The Pod with what its status says that it and its containers have.
pub(crate) fn as_told(pod: &Arc<Pod>) -> Arc<Pod> {
    let status = pod.status.as_ref();
    let told = |container: &Container| {
        let known = object::known_status(status, &container.name)?;
        known.resources.as_ref()
    };
    // What is said of containers is said of the Pod as well.
    let is_told = object::containers(pod).any(|(_, container)| told(container).is_some());
    let own = is_told.then(|| status.and_then(|status| status.resources.as_ref()));
    with_resources(pod, own, told)
}

/// The Pod with its own resources, and those of its containers, as far as they are known to be others.
fn with_resources<'a>(
    pod: &Arc<Pod>,
    own: Option<Option<&ResourceRequirements>>,
    known: impl Fn(&Container) -> Option<&'a ResourceRequirements>,
) -> Arc<Pod> {
    let is_other = |one: Option<&_>, known: Option<&_>| Bounds::said(one) != Bounds::said(known);
    let other = |container: &Container| {
        known(container).filter(|known| is_other(container.resources.as_ref(), Some(known)))
    };
    let spec = pod.spec.as_ref();
    let wanted = spec.and_then(|spec| spec.resources.as_ref());
    let own = own.filter(|own| is_other(wanted, *own));
    if own.is_none() && object::containers(pod).all(|(_, one)| other(one).is_none()) {
        return pod.clone();
    }
    let mut changed = Pod::clone(pod);
    if let Some(spec) = &mut changed.spec {
        if let Some(own) = own {
            spec.resources = own.cloned();
        }
        let inits = spec.init_containers.iter_mut().flatten();
        for container in spec.containers.iter_mut().chain(inits) {
            if let Some(resources) = other(&*container) {
                container.resources = Some(resources.clone());
            }
        }
    }
    Arc::new(changed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn pod(wanted: &str, told: Value) -> Arc<Pod> {
        let pod = json!({
            "spec": {"containers": [{"name": "a", "resources": {"requests": {"cpu": wanted}}}]},
            "status": {"containerStatuses": [{
                "name": "a", "ready": true, "restartCount": 0, "image": "", "imageID": "", "resources": told,
            }]},
        });
        Arc::new(serde_json::from_value(pod).expect("a Pod"))
    }

    #[test]
    fn a_pod_keeps_what_it_was_told_to_have() {
        let cpu = |pod: &Pod| {
            let container = object::container(pod, "a").expect("a container");
            Bounds::of(pod, container).cpu_request_millis
        };
        let has = |cpu: &str| json!({"requests": {"cpu": cpu}});
        for (wanted, told, expected, is_as_wanted) in [
            ("2", has("1"), 1000, false),
            ("2", has("2000m"), 2000, true),
            ("2", Value::Null, 2000, true),
        ] {
            let pod = pod(wanted, told);
            let told = as_told(&pod);
            assert_eq!(cpu(&told), Some(expected));
            assert_eq!(Arc::ptr_eq(&told, &pod), is_as_wanted);
        }
        let (new, old) = (pod("3", Value::Null), pod("1", Value::Null));
        assert_eq!(cpu(&with_resources_of(&new, &old)), Some(1000));
    }

    #[test]
    fn a_pods_own_resources_are_kept_as_well() {
        let pod = |wanted: Value, told: Value| {
            let pod = json!({
                "spec": {"containers": [{"name": "a"}], "resources": wanted},
                "status": {"resources": told, "containerStatuses": [{"name": "a", "resources": {}}]},
            });
            Arc::new(serde_json::from_value::<Pod>(pod).expect("a Pod"))
        };
        let cpu = |pod: &Pod| {
            let spec = pod.spec.as_ref();
            Bounds::said(spec.and_then(|spec| spec.resources.as_ref())).cpu_limit_millis
        };
        let limit = |cpu: &str| json!({"limits": {"cpu": cpu}});
        for (wanted, told, expected) in [
            (limit("2"), limit("1"), Some(1000)),
            (limit("2"), Value::Null, None),
            (limit("2"), limit("2"), Some(2000)),
        ] {
            let told = as_told(&pod(wanted, told));
            assert_eq!(cpu(&told), expected);
            let newer = pod(limit("3"), Value::Null);
            assert_eq!(cpu(&with_resources_of(&newer, &told)), expected);
        }
    }
}
