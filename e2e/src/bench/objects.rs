//! The objects that benches create: of the size and shape that clusters are full of.

use bytes::Bytes;
use serde_json::{Value, json};

/// A kind of object, encoded once: each one made from it differs in its name alone.
#[derive(Debug, Clone)]
pub(super) struct Mould {
    before_name: String,
    after_name: String,
}

/// Stands where the name will.
const NAME: &str = "@name@";
/// As Deployments have one of their settings, so that Pods follow changes.
const CHECKSUM: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

impl Mould {
    /// A ConfigMap of about 1 KiB: a program's settings.
    pub(super) fn config_map() -> Self {
        Self::of(&json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": { "name": NAME, "labels": labels("settings") },
            "data": {
                "LOG_LEVEL": "info",
                "DATABASE_URL": "postgres://shop@postgres.shop.svc.cluster.local:5432/shop",
                "nginx.conf": include_str!("../../images/nginx.conf"),
                "index.html": include_str!("../../images/nginx-index.html"),
                "words": "one two three four five six seven eight nine ten",
            },
        }))
    }

    /// A Pod as Deployments make them, of about 3.5 KiB once it is stored, that fits on no node.
    pub(super) fn pending_pod() -> Self {
        Self::of(&pending_pod())
    }

    /// The same with a label `share` of that number.
    pub(super) fn pending_pod_of(share: u32) -> Self {
        let mut pod = pending_pod();
        pod["metadata"]["labels"]["share"] = share.to_string().into();
        Self::of(&pod)
    }

    /// A Pod of 2 KB once it is stored, the owners of its fields included, that nobody does anything about.
    pub(super) fn small_pod() -> Self {
        Self::of(&json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": NAME,
                "labels": { "app.kubernetes.io/name": "shop", "app.kubernetes.io/component": "frontend" },
                "annotations": { "checksum/config": CHECKSUM },
            },
            "spec": {
                "schedulerName": "nobody",
                "automountServiceAccountToken": false,
                "containers": [{
                    "name": "server",
                    "image": "nginx:1.19",
                    "resources": { "requests": { "cpu": "100m", "memory": "64Mi" } },
                }],
            },
        }))
    }

    /// A Pod that runs until it is told to end, of an image that every test cluster can pull.
    pub(super) fn sleeping_pod() -> Self {
        Self::of(&json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": { "name": NAME, "labels": labels("sleeper") },
            "spec": {
                "terminationGracePeriodSeconds": 1,
                "containers": [{
                    "name": "sleeper",
                    "image": "busybox:1.28",
                    "command": ["sleep", "3600"],
                    "imagePullPolicy": "IfNotPresent",
                }],
            },
        }))
    }

    /// The object of this name.
    pub(super) fn named(&self, name: &str) -> Bytes {
        [&self.before_name, name, &self.after_name].concat().into()
    }

    fn of(object: &Value) -> Self {
        let text = object.to_string();
        let (before, after) = text.split_once(NAME).unwrap_or((&text, ""));
        Self {
            before_name: before.to_owned(),
            after_name: after.to_owned(),
        }
    }
}

fn pending_pod() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": NAME, "labels": labels("frontend") },
        "spec": {
            "nodeSelector": { "bench.skiff.dev/nowhere": "true" },
            "containers": [server()],
        },
    })
}

/// A PodTemplate of this name, whose first container has this image.
pub(super) fn pod_template(name: &str, image: &str) -> Value {
    let mut first = server();
    first["image"] = image.into();
    let sidecar = json!({ "name": "sidecar", "image": "busybox:1.28", "args": ["sleep", "3600"] });
    json!({
        "apiVersion": "v1",
        "kind": "PodTemplate",
        "metadata": { "name": name, "labels": labels("frontend") },
        "template": {
            "metadata": { "labels": labels("frontend") },
            "spec": { "containers": [first, sidecar] },
        },
    })
}

fn labels(component: &str) -> Value {
    json!({
        "app.kubernetes.io/name": "shop",
        "app.kubernetes.io/component": component,
        "app.kubernetes.io/managed-by": "skiff-bench",
        "pod-template-hash": "6d4cf56db6",
    })
}

fn server() -> Value {
    json!({
        "name": "server",
        "image": "nginx:1.19",
        "ports": [{ "name": "http", "containerPort": 80 }],
        "env": [
            { "name": "LOG_LEVEL", "valueFrom": { "configMapKeyRef": { "name": "settings", "key": "LOG_LEVEL" } } },
            { "name": "POD_IP", "valueFrom": { "fieldRef": { "fieldPath": "status.podIP" } } },
        ],
        "resources": {
            "requests": { "cpu": "100m", "memory": "64Mi" },
            "limits": { "memory": "128Mi" },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_have_the_sizes_that_the_report_claims() {
        let config_map = Mould::config_map().named("settings-0-63-123456").len();
        assert!((950..=1100).contains(&config_map), "{config_map} bytes");
        // Defaults, the service account's volume and the status come to it.
        let pod = Mould::pending_pod().named("pod-00001").len();
        assert!((600..=800).contains(&pod), "{pod} bytes");
    }

    #[test]
    fn an_object_has_its_name() {
        let object: Value =
            serde_json::from_slice(&Mould::config_map().named("one")).expect("JSON");
        assert_eq!(object["metadata"]["name"], "one");
        assert_eq!(object["kind"], "ConfigMap");
    }
}
