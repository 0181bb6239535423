//! Pods.

mod qos;
mod resize;
mod restarts;
mod row;
mod status;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::common::cells::text;
use super::common::defaults::{default_to, ensure, existing};
use super::common::{Field, describe};
use super::pod_spec;
use crate::field::Errors;
use crate::{Column, Descriptor, Strategy, names};

pub(super) fn descriptor() -> Descriptor {
    Descriptor {
        short_names: describe::short("po"),
        categories: describe::all(),
        subresources: describe::status(),
        ..describe::namespaced(describe::CORE, "Pod", "pods", Pod)
    }
}

pub(super) struct Pod;

impl Strategy for Pod {
    fn default(&self, pod: &mut Value) {
        ensure(pod, "spec").map(pod_spec::default_pod);
        existing(pod, "status").map(pair_addresses);
    }

    fn prepare_create(&self, pod: &mut Value) {
        let mut status = json!({"phase": "Pending", "qosClass": qos::class(&pod["spec"])});
        let gates = pod["spec"]["schedulingGates"].as_array();
        if gates.is_some_and(|gates| !gates.is_empty()) {
            status["conditions"] = json!([gated()]);
        }
        if pod.is_object() {
            pod["status"] = status;
        }
        pod_spec::merge_label_keys(pod);
    }

    fn validate(&self, pod: &Value) -> Errors {
        let mut errors = Errors::new();
        let spec = Field::root(pod).get("spec");
        pod_spec::validate(&spec, &[], &mut errors);
        only_in_pods(&spec, &mut errors);
        errors
    }

    fn validate_create(&self, pod: &Value) -> Errors {
        let mut errors = Errors::new();
        let ephemeral = Field::root(pod).get("spec").get("ephemeralContainers");
        if !ephemeral.is_empty() {
            errors.push(ephemeral.forbidden("cannot be set on create"));
        }
        errors
    }

    fn validate_part(&self, new: &Value, old: &Value) -> Errors {
        let mut errors = Errors::new();
        let spec = |pod| Field::root(pod).get("spec");
        pod_spec::validate_ephemeral_update(&spec(new), &spec(old), &mut errors);
        errors
    }

    fn validate_resize(&self, new: &Value, old: &Value) -> Errors {
        resize::validate(&Field::root(new), &Field::root(old))
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Errors {
        let mut errors = Errors::new();
        let (new, old) = (Field::root(new).get("spec"), Field::root(old).get("spec"));
        pod_spec::validate_update(&new, &old, &mut errors);
        errors
    }

    fn validate_status(&self, new: &Value, old: &Value) -> Errors {
        status::validate(&Field::root(new), &Field::root(old))
    }

    fn warnings(&self, pod: &Value) -> Vec<String> {
        let name = text(pod, "/metadata/name");
        let mut warnings = pod_spec::warnings(&Field::root(pod).get("spec"));
        let wrong = names::dns_label(name);
        if !name.is_empty() && !wrong.is_empty() {
            warnings.push(format!(
                "metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; \
                 a DNS label is recommended: [{}]",
                wrong.join(" ")
            ));
        }
        warnings
    }

    fn selectable_field(&self, pod: &Value, field: &str) -> Option<String> {
        let text = |pointer| Some(text(pod, pointer).to_owned());
        match field {
            "spec.nodeName" => text("/spec/nodeName"),
            "spec.restartPolicy" => text("/spec/restartPolicy"),
            "spec.schedulerName" => text("/spec/schedulerName"),
            "spec.serviceAccountName" => text("/spec/serviceAccountName"),
            "spec.hostNetwork" => Some((pod["spec"]["hostNetwork"] == true).to_string()),
            "status.phase" => text("/status/phase"),
            "status.podIP" => text("/status/podIP"),
            "status.nominatedNodeName" => text("/status/nominatedNodeName"),
            _ => None,
        }
    }

    fn columns(&self) -> Vec<Column> {
        row::columns()
    }

    fn cells(&self, pod: &Value, now: Timestamp) -> Vec<Value> {
        row::cells(pod, now)
    }
}

/// What is wrong with the spec of a Pod, but not yet in a template.
fn only_in_pods(spec: &Field<'_>, errors: &mut Errors) {
    let node = spec.get("nodeName");
    if !node.is_empty() && !spec.get("schedulingGates").is_empty() {
        let words = "cannot be set until all schedulingGates have been cleared";
        errors.push(node.forbidden(words));
    }
    if !spec.get("serviceAccountName").is_empty() {
        return;
    }
    let volumes = spec.get("volumes").items();
    let sources = volumes.flat_map(|volume| volume.get("projected").get("sources").items());
    for token in sources.map(|source| source.get("serviceAccountToken")) {
        if token.is_set() {
            let words = "must not be specified when serviceAccountName is not set";
            errors.push(token.forbidden(words));
        }
    }
}

/// `podIP` and the first of `podIPs` are one address.
fn pair_addresses(status: &mut Value) {
    let first = status["podIPs"][0]["ip"].clone();
    match (
        status["podIP"].as_str().unwrap_or_default(),
        first.is_string(),
    ) {
        ("", true) => default_to(status, "podIP", first),
        (address, false) if !address.is_empty() => {
            status["podIPs"] = json!([{"ip": address}]);
        }
        _ => {}
    }
}

/// Why a Pod with gates is not even offered to the scheduler (KEP-3521).
fn gated() -> Value {
    json!({
        "type": "PodScheduled",
        "status": "False",
        "reason": "SchedulingGated",
        "message": "Scheduling is blocked due to non-empty scheduling gates",
        "lastProbeTime": null,
        "lastTransitionTime": null,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::common::testing::{create_errors, created, update_errors};

    fn pod() -> Value {
        json!({"metadata": {"name": "a"}, "spec": {"containers": [{"name": "a", "image": "a:1"}]}})
    }

    #[test]
    fn a_new_pod_is_pending() {
        let pod = created(&Pod, &pod());
        assert_eq!(
            pod["status"],
            json!({"phase": "Pending", "qosClass": "BestEffort"})
        );
        assert_eq!(
            pod["spec"]["containers"][0]["imagePullPolicy"],
            "IfNotPresent"
        );
    }

    #[test]
    fn a_sound_pod_has_no_errors_and_may_change_its_image() {
        assert_eq!(create_errors(&Pod, &pod()), [""; 0]);
        let mut new = pod();
        new["spec"]["containers"][0]["image"] = "a:2".into();
        new["spec"]["containers"][0]["imagePullPolicy"] = "IfNotPresent".into();
        assert_eq!(update_errors(&Pod, &pod(), &new), [""; 0]);
    }

    #[test]
    fn a_name_with_a_dot_gets_a_warning() {
        let mut pod = pod();
        pod["metadata"]["name"] = "a.b".into();
        let [warning] = &Pod.warnings(&pod)[..] else {
            panic!("one warning");
        };
        let start = "metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; \
                     a DNS label is recommended: [";
        assert!(warning.starts_with(start), "{warning}");
    }

    #[test]
    fn pods_are_selected_by_node_and_phase() {
        let pod = json!({"spec": {"nodeName": "n1"}, "status": {"phase": "Running"}});
        let field = |name: &str| Pod.selectable_field(&pod, name);
        assert_eq!(field("spec.nodeName").as_deref(), Some("n1"));
        assert_eq!(field("status.phase").as_deref(), Some("Running"));
        assert_eq!(field("status.podIP").as_deref(), Some(""));
        assert_eq!(field("spec.hostNetwork").as_deref(), Some("false"));
        assert_eq!(field("spec.dnsPolicy"), None);
    }

    #[test]
    fn addresses_are_paired() {
        for given in [
            json!({"podIP": "10.0.0.1"}),
            json!({"podIPs": [{"ip": "10.0.0.1"}]}),
        ] {
            let mut pod = json!({"status": given});
            Pod.default(&mut pod);
            let paired = json!({"podIP": "10.0.0.1", "podIPs": [{"ip": "10.0.0.1"}]});
            assert_eq!(pod["status"], paired);
        }
    }
}
