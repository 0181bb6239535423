//! The defaults of the containers of a Pod.

use serde_json::{Value, json};

use crate::kinds::common::defaults::{default_nonzero, default_to, each, ensure, existing};

/// The defaults of one container.
pub(super) fn default_container(container: &mut Value) {
    let policy = pull_policy(container["image"].as_str().unwrap_or_default());
    default_to(container, "imagePullPolicy", policy);
    default_to(container, "terminationMessagePath", "/dev/termination-log");
    default_to(container, "terminationMessagePolicy", "File");
    default_to(container, "resources", json!({}));
    for port in each(container, "ports") {
        default_to(port, "protocol", "TCP");
    }
    for variable in each(container, "env") {
        default_variable(variable);
    }
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        existing(container, probe).map(default_probe);
    }
    for hook in ["postStart", "preStop"] {
        let lifecycle = existing(container, "lifecycle");
        lifecycle
            .and_then(|lifecycle| existing(lifecycle, hook))
            .map(default_handler);
    }
}

/// `Always` for `latest`, named or meant, else `IfNotPresent`.
pub(super) fn pull_policy(image: &str) -> &'static str {
    let (name, digest) = match image.split_once('@') {
        Some((name, digest)) => (name, Some(digest)),
        None => (image, None),
    };
    let last_step = name.rsplit('/').next().unwrap_or_default();
    let tag = last_step.split_once(':').map(|(_, tag)| tag);
    match (tag, digest) {
        (Some("latest"), _) | (None, None) => "Always",
        _ => "IfNotPresent",
    }
}

/// A Pod that limits a resource and requests none of it requests the limit.
pub(super) fn requests_from_limits(container: &mut Value) {
    let limits = container["resources"]["limits"].as_object().cloned();
    let Some(limits) = limits.filter(|limits| !limits.is_empty()) else {
        return;
    };
    let resources = existing(container, "resources");
    let Some(requests) = resources.and_then(|resources| ensure(resources, "requests")) else {
        return;
    };
    for (resource, limit) in limits {
        default_to(requests, &resource, limit);
    }
}

/// In the host's network a container's port is the host's port.
pub(super) fn host_ports(container: &mut Value) {
    for port in each(container, "ports") {
        if let Some(number) = port["containerPort"].as_i64() {
            default_nonzero(port, "hostPort", number);
        }
    }
}

/// What reads a field of the Pod reads it in version v1; what reads a file needs it.
fn default_variable(variable: &mut Value) {
    let Some(source) = existing(variable, "valueFrom") else {
        return;
    };
    existing(source, "fieldRef").map(default_field_ref);
    if let Some(file) = existing(source, "fileKeyRef") {
        default_to(file, "optional", false);
    }
}

pub(super) fn default_field_ref(field_ref: &mut Value) {
    default_to(field_ref, "apiVersion", "v1");
}

fn default_probe(probe: &mut Value) {
    default_handler(probe);
    default_nonzero(probe, "timeoutSeconds", 1);
    default_nonzero(probe, "periodSeconds", 10);
    default_nonzero(probe, "successThreshold", 1);
    default_nonzero(probe, "failureThreshold", 3);
}

fn default_handler(handler: &mut Value) {
    if let Some(http) = existing(handler, "httpGet") {
        default_to(http, "path", "/");
        default_to(http, "scheme", "HTTP");
    }
    if let Some(grpc) = existing(handler, "grpc")
        && grpc["service"].is_null()
    {
        grpc["service"] = "".into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_decides_when_to_pull() {
        for (image, policy) in [
            ("nginx", "Always"),
            ("nginx:latest", "Always"),
            ("nginx:1.19", "IfNotPresent"),
            ("registry:5000/nginx", "Always"),
            ("registry:5000/nginx:1.19", "IfNotPresent"),
            ("nginx@sha256:aa", "IfNotPresent"),
            ("nginx:latest@sha256:aa", "Always"),
        ] {
            assert_eq!(pull_policy(image), policy, "{image}");
        }
    }
}
