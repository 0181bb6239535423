use std::sync::Arc;

use k8s_openapi::api::core::v1::{Container, Pod, ResourceRequirements};

use crate::pods::config::resources::Bounds;
use crate::pods::object;

/// The Pod as it is wanted, with the resources that the containers of `granted` have.
pub(super) fn with_resources_of(wanted: &Arc<Pod>, granted: &Pod) -> Arc<Pod> {
    with_resources(wanted, |container| {
        object::container(granted, &container.name)?
            .resources
            .as_ref()
    })
}

/// The Pod with what its status says that its containers have.
pub(crate) fn as_told(pod: &Arc<Pod>) -> Arc<Pod> {
    with_resources(pod, |container| {
        let known = object::known_status(pod.status.as_ref(), &container.name)?;
        known.resources.as_ref()
    })
}

fn with_resources<'a>(
    pod: &Arc<Pod>,
    known: impl Fn(&Container) -> Option<&'a ResourceRequirements>,
) -> Arc<Pod> {
    let other = |container: &Container| {
        known(container).filter(|known| {
            Bounds::of_resources(container.resources.as_ref()) != Bounds::of_resources(Some(known))
        })
    };
    if object::containers(pod).all(|(_, container)| other(container).is_none()) {
        return pod.clone();
    }
    let mut changed = Pod::clone(pod);
    if let Some(spec) = &mut changed.spec {
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
            Bounds::of(container).cpu_request_millis
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
}
