//! What holds for every kind: manifests as users write them go all the way, and odd input harms nobody.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::builtin;
use super::common::testing::words;
use crate::{Descriptor, FieldValidation, Schema, Sent};

const RBAC: &str = "rbac.authorization.k8s.io/v1";

/// One sound object a kind.
fn manifests() -> Vec<Value> {
    let template = json!({
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{
            "name": "web",
            "image": "nginx:1.19",
            "ports": [{"containerPort": 80}],
            "resources": {"limits": {"cpu": 0.5, "memory": "1024Mi"}},
            "readinessProbe": {"httpGet": {"port": 80}},
        }]},
    });
    let claim = json!({
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    });
    let workload = json!({"selector": {"matchLabels": {"app": "web"}}, "template": template});
    let mut stateful = workload.clone();
    stateful["serviceName"] = "web".into();
    stateful["volumeClaimTemplates"] = json!([claim]);
    let mut job = json!({"template": template});
    job["template"]["spec"]["restartPolicy"] = "Never".into();
    let devices =
        json!({"devices": {"requests": [{"name": "gpu", "exactly": {"deviceClassName": "gpu"}}]}});
    let meta = json!({"name": "web"});
    let v1 = |kind: &str, rest: Value| object("v1", kind, &meta, rest);
    let mut all = vec![
        v1("Namespace", json!({})),
        v1(
            "Node",
            json!({"status": {"capacity": {"cpu": 2, "memory": "4Gi"}}}),
        ),
        v1("Pod", json!({"spec": template["spec"]})),
        v1(
            "Service",
            json!({"spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}}),
        ),
        v1(
            "Endpoints",
            json!({"subsets": [{"addresses": [{"ip": "10.0.0.1"}], "ports": [{"port": 80}]}]}),
        ),
        v1("ConfigMap", json!({"data": {"a": "b"}})),
        v1("Secret", json!({"stringData": {"a": "b"}})),
        v1("ServiceAccount", json!({})),
        v1(
            "Event",
            json!({"involvedObject": {"kind": "Node", "name": "n1"}, "reason": "Starting"}),
        ),
        object(
            "events.k8s.io/v1",
            "Event",
            &meta,
            json!({
                "regarding": {"kind": "Node", "name": "n1"}, "reason": "Starting", "action": "Start", "type": "Normal",
                "eventTime": "2026-01-01T00:00:00.000000Z", "reportingController": "kubelet", "reportingInstance": "n1",
            }),
        ),
        v1("PersistentVolumeClaim", json!({"spec": claim["spec"]})),
        v1(
            "PersistentVolume",
            json!({"spec": {
                "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/data"},
            }}),
        ),
        object("apps/v1", "Deployment", &meta, json!({"spec": workload})),
        v1(
            "ReplicationController",
            json!({"spec": {"template": template}}),
        ),
        object("apps/v1", "DaemonSet", &meta, json!({"spec": workload})),
        object("batch/v1", "Job", &meta, json!({"spec": job})),
        object(
            "batch/v1",
            "CronJob",
            &meta,
            json!({"spec": {"schedule": "@hourly", "jobTemplate": {"spec": job}}}),
        ),
        object("apps/v1", "ReplicaSet", &meta, json!({"spec": workload})),
        object("apps/v1", "StatefulSet", &meta, json!({"spec": stateful})),
        object(
            "apps/v1",
            "ControllerRevision",
            &meta,
            json!({"revision": 1, "data": {"spec": {}}}),
        ),
        object(
            "discovery.k8s.io/v1",
            "EndpointSlice",
            &meta,
            json!({"addressType": "IPv4", "endpoints": [{"addresses": ["10.0.0.1"]}], "ports": [{"port": 80}]}),
        ),
        object(
            "apiextensions.k8s.io/v1",
            "CustomResourceDefinition",
            &json!({"name": "boats.example.com"}),
            json!({"spec": {
                "group": "example.com", "scope": "Cluster", "names": {"kind": "Boat", "plural": "boats"},
                "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {"type": "object"}}}],
            }}),
        ),
        object(
            "certificates.k8s.io/v1",
            "CertificateSigningRequest",
            &meta,
            json!({"spec": {
                "request": "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0K",
                "signerName": "kubernetes.io/kube-apiserver-client", "usages": ["client auth"],
            }}),
        ),
        object(
            RBAC,
            "Role",
            &meta,
            json!({"rules": [{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}]}),
        ),
        object(
            RBAC,
            "ClusterRole",
            &meta,
            json!({"rules": [{"verbs": ["get"], "nonResourceURLs": ["/metrics"]}]}),
        ),
        object(
            RBAC,
            "RoleBinding",
            &meta,
            json!({"roleRef": {"kind": "Role", "name": "web"}, "subjects": [{"kind": "User", "name": "jane"}]}),
        ),
        object(
            RBAC,
            "ClusterRoleBinding",
            &meta,
            json!({"roleRef": {"kind": "ClusterRole", "name": "web"}, "subjects": [{"kind": "Group", "name": "people"}]}),
        ),
        object(
            "coordination.k8s.io/v1",
            "Lease",
            &meta,
            json!({"spec": {"leaseDurationSeconds": 40}}),
        ),
        object(
            "networking.k8s.io/v1",
            "Ingress",
            &meta,
            json!({"spec": {"defaultBackend": {"service": {"name": "web", "port": {"number": 80}}}}}),
        ),
        object(
            "networking.k8s.io/v1",
            "IngressClass",
            &meta,
            json!({"spec": {"controller": "example.com/ingress"}}),
        ),
        object(
            "networking.k8s.io/v1",
            "NetworkPolicy",
            &meta,
            json!({"spec": {"podSelector": {"matchLabels": {"app": "web"}}, "ingress": [{"ports": [{"port": 80}]}]}}),
        ),
        v1(
            "LimitRange",
            json!({"spec": {"limits": [{"type": "Container", "max": {"cpu": 2}}]}}),
        ),
        v1(
            "ResourceQuota",
            json!({"spec": {"hard": {"pods": 10, "requests.cpu": "4"}}}),
        ),
        object(
            "policy/v1",
            "PodDisruptionBudget",
            &meta,
            json!({"spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}}}),
        ),
        object(
            "autoscaling/v1",
            "HorizontalPodAutoscaler",
            &meta,
            json!({"spec": {"scaleTargetRef": {"kind": "Deployment", "name": "web"}, "maxReplicas": 3}}),
        ),
        object(
            "autoscaling/v2",
            "HorizontalPodAutoscaler",
            &meta,
            json!({"spec": {"scaleTargetRef": {"kind": "Deployment", "name": "web"}, "maxReplicas": 3}}),
        ),
        object(
            "scheduling.k8s.io/v1",
            "PriorityClass",
            &meta,
            json!({"value": 1000}),
        ),
        object(
            "storage.k8s.io/v1",
            "StorageClass",
            &meta,
            json!({"provisioner": "example.com/disk"}),
        ),
        object(
            "storage.k8s.io/v1",
            "VolumeAttachment",
            &meta,
            json!({"spec": {"attacher": "example.com/disk", "nodeName": "n1", "source": {"persistentVolumeName": "pv1"}}}),
        ),
        v1("PodTemplate", json!({"template": template})),
        object(
            "networking.k8s.io/v1",
            "ServiceCIDR",
            &meta,
            json!({"spec": {"cidrs": ["10.96.0.0/12"]}}),
        ),
        object(
            "networking.k8s.io/v1",
            "IPAddress",
            &meta,
            json!({"spec": {"parentRef": {"resource": "services", "namespace": "default", "name": "web"}}}),
        ),
        object(
            "flowcontrol.apiserver.k8s.io/v1",
            "FlowSchema",
            &meta,
            json!({"spec": {"priorityLevelConfiguration": {"name": "low"}}}),
        ),
        object(
            "flowcontrol.apiserver.k8s.io/v1",
            "PriorityLevelConfiguration",
            &meta,
            json!({"spec": {"type": "Limited", "limited": {"limitResponse": {"type": "Reject"}}}}),
        ),
        object(
            "resource.k8s.io/v1",
            "DeviceClass",
            &meta,
            json!({"spec": {}}),
        ),
        object(
            "resource.k8s.io/v1",
            "ResourceClaim",
            &meta,
            json!({"spec": devices}),
        ),
        object(
            "resource.k8s.io/v1",
            "ResourceClaimTemplate",
            &meta,
            json!({"spec": {"spec": devices}}),
        ),
        object(
            "resource.k8s.io/v1",
            "ResourceSlice",
            &meta,
            json!({"spec": {
                "driver": "gpu.example.com", "allNodes": true,
                "pool": {"name": "all", "generation": 1, "resourceSliceCount": 1},
            }}),
        ),
        object(
            "storage.k8s.io/v1",
            "VolumeAttributesClass",
            &meta,
            json!({"driverName": "example.com", "parameters": {"iops": "1000"}}),
        ),
        object(
            "node.k8s.io/v1",
            "RuntimeClass",
            &meta,
            json!({"handler": "runc"}),
        ),
        object("storage.k8s.io/v1", "CSIDriver", &meta, json!({"spec": {}})),
        object(
            "storage.k8s.io/v1",
            "CSINode",
            &meta,
            json!({"spec": {"drivers": [{"name": "example.com", "nodeID": "n1"}]}}),
        ),
        object(
            "storage.k8s.io/v1",
            "CSIStorageCapacity",
            &meta,
            json!({"storageClassName": "fast", "capacity": "1Ti"}),
        ),
    ];
    all.extend(admission_manifests(&meta));
    all
}

/// What asks others: webhooks, policies and servers of further groups.
fn admission_manifests(meta: &Value) -> Vec<Value> {
    const ADMISSION: &str = "admissionregistration.k8s.io/v1";
    let rules = json!([{
        "operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"],
    }]);
    let webhooks = json!({"webhooks": [{
        "name": "pods.example.com",
        "clientConfig": {"service": {"name": "hook", "namespace": "default"}},
        "rules": rules,
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
    }]});
    let policy = json!({
        "matchConstraints": {"resourceRules": rules},
        "validations": [{"expression": "true"}],
    });
    let binding = json!({"policyName": "a", "validationActions": ["Deny"]});
    let mutating_policy = json!({
        "matchConstraints": {"resourceRules": rules},
        "reinvocationPolicy": "Never",
        "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": "[]"}}],
    });
    let service = json!({
        "group": "", "version": "v1", "groupPriorityMinimum": 18000, "versionPriority": 1,
    });
    vec![
        object(
            ADMISSION,
            "MutatingWebhookConfiguration",
            meta,
            webhooks.clone(),
        ),
        object(ADMISSION, "ValidatingWebhookConfiguration", meta, webhooks),
        object(
            ADMISSION,
            "MutatingAdmissionPolicy",
            meta,
            json!({"spec": mutating_policy}),
        ),
        object(
            ADMISSION,
            "MutatingAdmissionPolicyBinding",
            meta,
            json!({"spec": {"policyName": "a"}}),
        ),
        object(
            ADMISSION,
            "ValidatingAdmissionPolicy",
            meta,
            json!({"spec": policy}),
        ),
        object(
            ADMISSION,
            "ValidatingAdmissionPolicyBinding",
            meta,
            json!({"spec": binding}),
        ),
        object(
            "apiregistration.k8s.io/v1",
            "APIService",
            &json!({"name": "v1."}),
            json!({"spec": service}),
        ),
    ]
}

fn object(api_version: &str, kind: &str, metadata: &Value, rest: Value) -> Value {
    let mut object = json!({"apiVersion": api_version, "kind": kind, "metadata": metadata});
    for (field, value) in rest.as_object().into_iter().flatten() {
        object[field] = value.clone();
    }
    object
}

/// Calls `test` with each kind and its manifest.
fn each_kind(test: impl Fn(&Descriptor, &Schema, Value)) {
    let registry = builtin();
    let mut manifests = manifests();
    for descriptor in registry.iter() {
        let is_of_kind = |manifest: &Value| {
            manifest["kind"] == *descriptor.kind
                && manifest["apiVersion"] == descriptor.api_version()
        };
        let index = manifests
            .iter()
            .position(is_of_kind)
            .unwrap_or_else(|| panic!("no manifest of {}", descriptor.kind));
        let schema = Schema::of(&descriptor.type_name).expect("a schema of the kind");
        test(descriptor, &schema, manifests.swap_remove(index));
    }
    assert!(
        manifests.is_empty(),
        "kinds that are not served: {manifests:?}"
    );
}

fn conform(schema: &Schema, object: &mut Value) {
    let warnings = schema.conform(object, Sent::default(), FieldValidation::Strict);
    assert_eq!(warnings, Ok(Vec::new()), "{object}");
}

#[test]
fn a_sound_manifest_is_stored_as_its_schema_says() {
    each_kind(|descriptor, schema, mut object| {
        let strategy = &descriptor.strategy;
        conform(schema, &mut object);
        strategy.default(&mut object);
        strategy.prepare_create(&mut object);
        assert_eq!(words(&strategy.validate(&object)), [""; 0], "{object}");
        conform(schema, &mut object);
    });
}

#[test]
fn what_was_stored_can_be_written_back_unchanged() {
    each_kind(|descriptor, schema, mut object| {
        let strategy = &descriptor.strategy;
        conform(schema, &mut object);
        strategy.default(&mut object);
        strategy.prepare_create(&mut object);
        let mut again = object.clone();
        conform(schema, &mut again);
        strategy.default(&mut again);
        strategy.prepare_update(&mut again, &object);
        assert_eq!(again, object);
        assert_eq!(
            words(&strategy.validate_update(&again, &object)),
            [""; 0],
            "{object}"
        );
        assert_eq!(
            words(&strategy.validate_status(&again, &object)),
            [""; 0],
            "{object}"
        );
    });
}

#[test]
fn every_row_has_a_cell_a_column_and_is_found_by_name() {
    each_kind(|descriptor, _, object| {
        let columns = descriptor.strategy.columns();
        let cells = descriptor.strategy.cells(&object, Timestamp::UNIX_EPOCH);
        assert_eq!(cells.len(), columns.len(), "{}", descriptor.kind);
        let name = columns.iter().position(|column| column.name == "Name");
        let shown = name.and_then(|index| cells.get(index));
        assert_eq!(shown, Some(&object["metadata"]["name"]));
    });
}

#[test]
fn odd_input_harms_nobody() {
    let odd = [
        json!(null),
        json!(1),
        json!([]),
        json!({}),
        json!({"metadata": [], "spec": "x", "status": 1, "data": 2, "subsets": [3], "ports": [null]}),
        json!({"metadata": {"labels": 1}, "spec": {"selector": 1, "template": [], "ports": [1, []]}}),
        json!({"spec": {"template": {"spec": 1, "metadata": 2}, "volumeClaimTemplates": [1, {"spec": []}]}}),
        json!({"spec": {"type": 1, "clusterIPs": {}, "strategy": [], "updateStrategy": 3, "capacity": [1]}}),
        json!({"spec": {"containers": {"a": 1}, "volumes": [1, null], "initContainers": [[]]}}),
        json!({"spec": {"containers": [1, "a", null, {"ports": 1, "env": [2], "resources": []}]}}),
        json!({"spec": {"affinity": {"nodeAffinity": []}, "tolerations": "x"}, "subsets": [{"ports": [[]]}]}),
    ];
    for descriptor in builtin().iter() {
        let strategy = &descriptor.strategy;
        for object in &odd {
            let mut new = object.clone();
            strategy.default(&mut new);
            strategy.prepare_create(&mut new);
            strategy.prepare_update(&mut new, object);
            strategy.validate(&new);
            strategy.validate_update(&new, object);
            strategy.validate_status(&new, object);
            strategy.warnings(&new);
            strategy.selectable_field(&new, "status.phase");
            strategy.cells(&new, Timestamp::UNIX_EPOCH);
        }
    }
}
