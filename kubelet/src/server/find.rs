//! Which container of the runtime a request means.

use k8s_openapi::api::core::v1::{ContainerState, ContainerStatus, Pod};
use skiff_client::{Informer, ObjectKey};

use super::answer::Refused;
use crate::pods::object::known_status;

/// The Pod of that name on this node.
pub(super) fn pod(
    pods: &Informer<Pod>,
    namespace: &str,
    name: &str,
) -> Result<std::sync::Arc<Pod>, Refused> {
    let found = pods.get(&ObjectKey::new(namespace, name));
    found.ok_or_else(|| Refused::not_found(format!("pod {name:?} not found")))
}

fn runtime_id(container_id: Option<&String>) -> Option<String> {
    let (_, id) = container_id?.split_once("://")?;
    Some(id.to_owned())
}

/// The container that runs under this name.
pub(super) fn running(pod: &Pod, container: &str) -> Result<String, Refused> {
    let status = known_status(pod.status.as_ref(), container);
    let running = status.filter(|status| {
        matches!(
            &status.state,
            Some(ContainerState {
                running: Some(_),
                ..
            })
        )
    });
    let id = running.and_then(|status| runtime_id(status.container_id.as_ref()));
    // 500, as the kubelet of Kubernetes answers.
    id.ok_or_else(|| Refused::internal(format!("container not found ({container:?})")))
}

/// The container whose log is meant: the one that runs or ran last, or the one before it. With it, whether it may still run.
pub(super) fn logged(
    pod: &Pod,
    container: &str,
    previous: bool,
) -> Result<(String, bool), Refused> {
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    let none = || {
        Refused::bad_request(format!(
            "container {container:?} in pod {name:?} is not available"
        ))
    };
    let status = known_status(pod.status.as_ref(), container).ok_or_else(none)?;
    let last = status
        .last_state
        .as_ref()
        .and_then(|last| last.terminated.as_ref());
    let last = last.and_then(|ended| runtime_id(ended.container_id.as_ref()));
    if previous {
        let words =
            format!("previous terminated container {container:?} in pod {name:?} not found");
        return last
            .map(|id| (id, false))
            .ok_or_else(|| Refused::bad_request(words));
    }
    let state = status.state.clone().unwrap_or_default();
    if state.running.is_some() {
        let id = runtime_id(status.container_id.as_ref());
        return id.map(|id| (id, true)).ok_or_else(none);
    }
    let ended = state
        .terminated
        .and_then(|ended| runtime_id(ended.container_id.as_ref()));
    if let Some(id) = ended.or(last) {
        return Ok((id, false));
    }
    Err(Refused::bad_request(waiting(status, name)))
}

fn waiting(status: &ContainerStatus, pod: &str) -> String {
    let waiting = status
        .state
        .as_ref()
        .and_then(|state| state.waiting.as_ref());
    let why = match waiting.and_then(|waiting| waiting.reason.as_deref()) {
        Some("ErrImagePull") => ": image can't be pulled".to_owned(),
        Some("ImagePullBackOff") => ": trying and failing to pull image".to_owned(),
        Some(reason) => format!(": {reason}"),
        None => " - no logs yet".to_owned(),
    };
    format!(
        "container {:?} in pod {pod:?} is waiting to start{why}",
        status.name
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::response::IntoResponse;
    use http_body_util::BodyExt;
    use serde_json::{Value, json};

    fn pod_with(state: Value, last_state: Value) -> Pod {
        serde_json::from_value(json!({
            "metadata": {"name": "web"},
            "status": {"containerStatuses": [{
                "name": "c", "image": "", "imageID": "", "ready": false, "restartCount": 1,
                "containerID": "containerd://now", "state": state, "lastState": last_state
            }]}
        }))
        .expect("a Pod")
    }

    async fn words(refused: Refused) -> String {
        let body = refused
            .into_response()
            .into_body()
            .collect()
            .await
            .expect("a body");
        String::from_utf8(body.to_bytes().to_vec()).expect("text")
    }

    #[tokio::test]
    async fn the_log_is_that_of_the_last_run() {
        let ended = |id: &str| json!({"terminated": {"exitCode": 1, "containerID": format!("containerd://{id}")}});
        let running = pod_with(json!({"running": {}}), ended("before"));
        assert_eq!(
            logged(&running, "c", false).expect("a log"),
            ("now".to_owned(), true)
        );
        assert_eq!(
            logged(&running, "c", true).expect("a log"),
            ("before".to_owned(), false)
        );
        let waiting = pod_with(
            json!({"waiting": {"reason": "CrashLoopBackOff"}}),
            ended("before"),
        );
        assert_eq!(
            logged(&waiting, "c", false).expect("a log"),
            ("before".to_owned(), false)
        );

        let new = pod_with(
            json!({"waiting": {"reason": "ImagePullBackOff"}}),
            json!({}),
        );
        let refused = logged(&new, "c", false).expect_err("no log");
        let expected =
            "container \"c\" in pod \"web\" is waiting to start: trying and failing to pull image";
        assert_eq!(words(refused).await, expected);
        let refused = logged(&new, "c", true).expect_err("no log");
        let expected = "previous terminated container \"c\" in pod \"web\" not found";
        assert_eq!(words(refused).await, expected);
        assert_eq!(words(running_of(&new)).await, "container not found (\"c\")");
    }

    fn running_of(pod: &Pod) -> Refused {
        super::running(pod, "c").expect_err("it does not run")
    }
}
