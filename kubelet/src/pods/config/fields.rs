//! What a Pod may know of itself (the downward API).

use k8s_openapi::api::core::v1::{Container, Pod, ResourceFieldSelector};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use std::collections::BTreeMap;

use crate::quantity;

type Resources = BTreeMap<String, Quantity>;

/// The value of a field of the Pod; `ips` are its addresses, `node_ip` the node's.
///
/// # Errors
/// If there is no such field.
pub(crate) fn field(
    pod: &Pod,
    ips: &[String],
    node_ip: &str,
    path: &str,
) -> Result<String, String> {
    let meta = &pod.metadata;
    let spec = pod.spec.as_ref();
    if let Some((map, key)) = path
        .strip_suffix("']")
        .and_then(|path| path.split_once("['"))
    {
        let map = match map {
            "metadata.labels" => meta.labels.as_ref(),
            "metadata.annotations" => meta.annotations.as_ref(),
            _ => return Err(format!("fieldPath {path:?} does not support subscript")),
        };
        return Ok(map
            .and_then(|map| map.get(key))
            .cloned()
            .unwrap_or_default());
    }
    let text = |value: Option<&String>| Ok(value.cloned().unwrap_or_default());
    match path {
        "metadata.name" => text(meta.name.as_ref()),
        "metadata.namespace" => text(meta.namespace.as_ref()),
        "metadata.uid" => text(meta.uid.as_ref()),
        "metadata.labels" => Ok(lines(meta.labels.as_ref())),
        "metadata.annotations" => Ok(lines(meta.annotations.as_ref())),
        "spec.nodeName" => text(spec.and_then(|spec| spec.node_name.as_ref())),
        "spec.serviceAccountName" => text(spec.and_then(|spec| spec.service_account_name.as_ref())),
        "status.hostIP" | "status.hostIPs" => Ok(node_ip.to_owned()),
        "status.podIP" => Ok(ips.first().cloned().unwrap_or_default()),
        "status.podIPs" => Ok(ips.join(",")),
        _ => Err(format!("unsupported fieldPath: {path}")),
    }
}

/// Labels or annotations as a file shows them: `key="value"`, one a line.
fn lines(map: Option<&BTreeMap<String, String>>) -> String {
    let lines: Vec<String> = map
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={value:?}"))
        .collect();
    lines.join("\n")
}

/// A limit or request of a container in units of the divisor, rounded up. A limit that is not set is what the node has.
///
/// # Errors
/// If the resource or the divisor is not one.
pub(crate) fn resource(
    container: &Container,
    allocatable: &Resources,
    selector: &ResourceFieldSelector,
) -> Result<String, String> {
    let unknown = || format!("unsupported container resource : {}", selector.resource);
    let (list, name) = selector.resource.split_once('.').ok_or_else(unknown)?;
    let resources = container.resources.as_ref();
    let set = |list: Option<&Resources>| list.and_then(|list| list.get(name)).cloned();
    let amount = match list {
        "limits" => set(resources.and_then(|all| all.limits.as_ref()))
            .or_else(|| allocatable.get(name).cloned()),
        "requests" => set(resources.and_then(|all| all.requests.as_ref())),
        _ => return Err(unknown()),
    };
    let amount = amount.as_ref().and_then(quantity::millis).unwrap_or(0);
    let divisor = match &selector.divisor {
        Some(divisor) => quantity::millis(divisor).ok_or_else(unknown)?,
        None => 1000,
    };
    // "0" is the divisor's default: one unit.
    let divisor = if divisor == 0 { 1000 } else { divisor };
    let whole = amount / divisor + i64::from(amount % divisor > 0);
    Ok(whole.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_pod_knows_itself() {
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {"name": "a", "namespace": "ns", "uid": "u", "labels": {"app": "web", "tier": "x\"y"}},
            "spec": {"nodeName": "n1", "serviceAccountName": "default", "containers": []}
        }))
        .expect("a Pod");
        let ips = ["10.0.0.2".to_owned(), "fd00::2".to_owned()];
        let cases = [
            ("metadata.name", "a"),
            ("metadata.namespace", "ns"),
            ("metadata.labels['app']", "web"),
            ("metadata.labels['none']", ""),
            ("metadata.labels", "app=\"web\"\ntier=\"x\\\"y\""),
            ("spec.nodeName", "n1"),
            ("status.hostIP", "192.168.0.1"),
            ("status.podIP", "10.0.0.2"),
            ("status.podIPs", "10.0.0.2,fd00::2"),
        ];
        for (path, expected) in cases {
            let value = field(&pod, &ips, "192.168.0.1", path);
            assert_eq!(value.as_deref(), Ok(expected), "{path}");
        }
        assert!(field(&pod, &ips, "", "spec.containers").is_err());
    }

    #[test]
    fn resources_come_in_units_of_the_divisor() {
        let container: Container = serde_json::from_value(json!({
            "name": "a",
            "resources": {"limits": {"cpu": "1500m", "memory": "64Mi"}, "requests": {"cpu": "250m"}}
        }))
        .expect("a container");
        let allocatable = [("ephemeral-storage".to_owned(), Quantity("7Gi".to_owned()))].into();
        let cases = [
            ("limits.cpu", None, "2"),
            ("limits.cpu", Some("1m"), "1500"),
            ("requests.cpu", Some("0"), "1"),
            ("limits.memory", Some("1Mi"), "64"),
            ("limits.memory", None, "67108864"),
            ("requests.memory", None, "0"),
            ("limits.ephemeral-storage", Some("1Gi"), "7"),
        ];
        for (name, divisor, expected) in cases {
            let selector = ResourceFieldSelector {
                resource: name.to_owned(),
                divisor: divisor.map(|text| Quantity(text.to_owned())),
                container_name: None,
            };
            let value = resource(&container, &allocatable, &selector);
            assert_eq!(value.as_deref(), Ok(expected), "{name} {divisor:?}");
        }
    }
}
