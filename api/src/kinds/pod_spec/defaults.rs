//! The defaults of PodSpec (k8s.io/kubernetes/pkg/apis/core/v1/defaults.go, and "Defaults to" in the API reference).

use k8s_openapi::api::core::v1::PodSpec;
use serde::Deserialize;
use serde_json::{Value, json};

use super::container_defaults::{default_container, host_ports, requests_from_limits};
use super::resources::is_of_pods;
use super::volume_defaults::default_volume;
use crate::amounts::amounts;
use crate::kinds::common::defaults::{default_to, each, ensure, existing};
use crate::pod_resources::{Bound, of_containers};

/// The lists of containers in a PodSpec.
const CONTAINER_LISTS: [&str; 3] = ["initContainers", "containers", "ephemeralContainers"];

/// The defaults of a workload's template.
pub(crate) fn default_template(template: &mut Value) {
    ensure(template, "spec").map(default_spec);
}

/// The defaults of a Pod's spec: those of templates, and some that only a Pod has.
pub(crate) fn default_pod(spec: &mut Value) {
    default_spec(spec);
    default_to(spec, "enableServiceLinks", true);
    let host_network = spec["hostNetwork"] == true;
    for list in CONTAINER_LISTS {
        for container in each(spec, list) {
            requests_from_limits(container);
            if host_network {
                host_ports(container);
            }
        }
    }
    requests_of_pod(spec);
}

/// A Pod that limits itself requests, of what its own requests leave out, what its containers do together, else its limit
/// (KEP-2837).
fn requests_of_pod(spec: &mut Value) {
    let limits = amounts(&spec["resources"]["limits"]);
    if limits.is_empty() {
        return;
    }
    let typed = PodSpec::deserialize(&*spec).unwrap_or_default();
    let by_containers = of_containers(&typed, Bound::Request).into_iter();
    let requests = existing(spec, "resources").and_then(|own| ensure(own, "requests"));
    let Some(requests) = requests else {
        return;
    };
    for (name, amount) in by_containers
        .filter(|(name, _)| is_of_pods(name))
        .chain(limits)
    {
        default_to(requests, &name, amount.to_string());
    }
}

fn default_spec(spec: &mut Value) {
    default_to(spec, "restartPolicy", "Always");
    default_to(spec, "terminationGracePeriodSeconds", 30);
    default_to(spec, "dnsPolicy", "ClusterFirst");
    default_to(spec, "securityContext", json!({}));
    default_to(spec, "schedulerName", "default-scheduler");
    service_account(spec);
    for list in CONTAINER_LISTS {
        each(spec, list).for_each(default_container);
    }
    each(spec, "volumes").for_each(default_volume);
}

/// `serviceAccount` is the old name of `serviceAccountName`; the API shows both.
fn service_account(spec: &mut Value) {
    let names = ["serviceAccountName", "serviceAccount"];
    let given = names.iter().filter_map(|name| spec[*name].as_str());
    let Some(account) = given
        .into_iter()
        .find(|name| !name.is_empty())
        .map(str::to_owned)
    else {
        return;
    };
    for name in names {
        spec[name] = account.as_str().into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_of_one_container() {
        let mut spec = json!({"containers": [{
            "name": "web", "image": "nginx:1.19",
            "ports": [{"containerPort": 80}],
            "resources": {"limits": {"cpu": "500m", "memory": "1Gi"}, "requests": {"cpu": "100m"}},
            "readinessProbe": {"httpGet": {"port": 80}, "periodSeconds": 5},
            "lifecycle": {"preStop": {"httpGet": {"port": 80, "path": "/bye"}}},
            "env": [{"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
        }]});
        default_pod(&mut spec);
        let defaulted = json!({
            "containers": [{
                "name": "web", "image": "nginx:1.19", "imagePullPolicy": "IfNotPresent",
                "ports": [{"containerPort": 80, "protocol": "TCP"}],
                "resources": {
                    "limits": {"cpu": "500m", "memory": "1Gi"}, "requests": {"cpu": "100m", "memory": "1Gi"},
                },
                "readinessProbe": {
                    "httpGet": {"port": 80, "path": "/", "scheme": "HTTP"},
                    "timeoutSeconds": 1, "periodSeconds": 5, "successThreshold": 1, "failureThreshold": 3,
                },
                "lifecycle": {"preStop": {"httpGet": {"port": 80, "path": "/bye", "scheme": "HTTP"}}},
                "env": [{
                    "name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP", "apiVersion": "v1"}},
                }],
                "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
            }],
            "restartPolicy": "Always", "terminationGracePeriodSeconds": 30, "dnsPolicy": "ClusterFirst",
            "securityContext": {}, "schedulerName": "default-scheduler", "enableServiceLinks": true,
        });
        assert_eq!(spec, defaulted);
    }

    #[test]
    fn a_template_has_no_requests_from_limits_and_no_host_ports() {
        let mut template = json!({"spec": {"hostNetwork": true, "containers": [{
            "name": "a", "image": "a:1", "ports": [{"containerPort": 80}], "resources": {"limits": {"cpu": "1"}},
        }]}});
        default_template(&mut template);
        let container = &template["spec"]["containers"][0];
        assert_eq!(container["resources"], json!({"limits": {"cpu": "1"}}));
        assert_eq!(
            container["ports"],
            json!([{"containerPort": 80, "protocol": "TCP"}])
        );
        assert!(template["spec"].get("enableServiceLinks").is_none());

        let mut pod = template["spec"].clone();
        default_pod(&mut pod);
        assert_eq!(pod["containers"][0]["ports"][0]["hostPort"], 80);
    }

    #[test]
    fn the_service_account_has_two_names() {
        for given in [
            json!({"serviceAccount": "a"}),
            json!({"serviceAccountName": "a"}),
        ] {
            let mut spec = given;
            default_pod(&mut spec);
            assert_eq!(
                (&spec["serviceAccount"], &spec["serviceAccountName"]),
                (&json!("a"), &json!("a"))
            );
        }
    }

    #[test]
    fn what_is_set_stays_set() {
        let mut spec = json!({"terminationGracePeriodSeconds": 0, "enableServiceLinks": false, "dnsPolicy": "None"});
        default_pod(&mut spec);
        assert_eq!(spec["terminationGracePeriodSeconds"], 0);
        assert_eq!(spec["enableServiceLinks"], false);
        assert_eq!(spec["dnsPolicy"], "None");
    }

    #[test]
    fn a_pod_that_limits_itself_asks_for_what_its_containers_do() {
        let asks = json!({"requests": {"cpu": "100m", "example.com/gpu": "1"}, "limits": {"example.com/gpu": "1"}});
        let mut spec = json!({
            "resources": {"limits": {"cpu": "1", "memory": "1Gi"}},
            "containers": [{"name": "a", "resources": asks}, {"name": "b", "resources": asks}],
        });
        default_pod(&mut spec);
        let expected = json!({"cpu": "200m", "memory": "1Gi"});
        assert_eq!(spec["resources"]["requests"], expected);
    }
}
