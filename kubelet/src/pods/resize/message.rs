use k8s_openapi::api::core::v1::{Container, Pod, ResourceRequirements};
use serde::Serialize;

/// What a resize is about, as events tell it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    resources: Option<&'a ResourceRequirements>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    init_containers: Vec<Resized<'a>>,
    containers: Vec<Resized<'a>>,
    generation: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

#[derive(Serialize)]
struct Resized<'a> {
    name: &'a str,
    resources: ResourceRequirements,
}

/// The message of an event: `Pod resize started: {"containers":[…],"generation":2}`.
pub(crate) fn message(
    what: &str,
    pod: &Pod,
    generation: Option<i64>,
    error: Option<&str>,
) -> String {
    fn resized(container: &Container) -> Resized<'_> {
        Resized {
            name: &container.name,
            resources: container.resources.clone().unwrap_or_default(),
        }
    }
    let spec = pod.spec.as_ref();
    let inits = spec.and_then(|spec| spec.init_containers.as_ref());
    let summary = Summary {
        resources: spec.and_then(|spec| spec.resources.as_ref()),
        init_containers: inits.into_iter().flatten().map(resized).collect(),
        containers: spec
            .map(|spec| spec.containers.iter().map(resized).collect())
            .unwrap_or_default(),
        generation: generation.unwrap_or(0),
        error,
    };
    match serde_json::to_string(&summary) {
        Ok(summary) => format!("Pod resize {what}: {summary}"),
        Err(_) => format!("Pod resize {what}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn events_say_what_is_resized() {
        let resources =
            json!({"requests": {"cpu": "300m"}, "limits": {"cpu": "500m", "memory": "1Gi"}});
        let pod = json!({"spec": {"containers": [{"name": "app", "resources": resources}]}});
        let pod: Pod = serde_json::from_value(pod).expect("a Pod");
        assert_eq!(
            message("started", &pod, Some(2), None),
            r#"Pod resize started: {"containers":[{"name":"app","resources":{"limits":{"cpu":"500m","memory":"1Gi"},"requests":{"cpu":"300m"}}}],"generation":2}"#
        );
        let told = message("Infeasible", &pod, Some(3), Some("no room"));
        assert!(
            told.ends_with(r#""generation":3,"error":"no room"}"#),
            "{told}"
        );
    }
}
