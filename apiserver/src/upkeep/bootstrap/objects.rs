//! The objects that every cluster has, as this server wants them.

use serde_json::{Value, json};

use crate::api::Api;

pub(super) fn namespace(name: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name},
    })
}

pub(super) fn priority_class(name: &str, value: i64) -> Value {
    let description = match name {
        "system-cluster-critical" => {
            "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary."
        }
        _ => "Used for system critical pods that must not be moved from their current node.",
    };
    json!({
        "apiVersion": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "metadata": {"name": name},
        "value": value,
        "description": description,
    })
}

/// The default class: folders of the node on which the first consumer runs.
pub(super) fn storage_class() -> Value {
    json!({
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {
            "name": "standard",
            "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
        },
        "provisioner": skiff_api::volumes::LOCAL_PATH,
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "WaitForFirstConsumer",
        "allowVolumeExpansion": true,
    })
}

/// By which the API servers of further groups know this one, and whom it asks for.
pub(super) fn authentication(api: &Api) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "extension-apiserver-authentication", "namespace": "kube-system"},
        "data": {
            "client-ca-file": api.config.client_ca_pem,
            "requestheader-allowed-names": "[\"front-proxy-client\"]",
            "requestheader-client-ca-file": api.config.proxy_ca_pem,
            "requestheader-extra-headers-prefix": "[\"X-Remote-Extra-\"]",
            "requestheader-group-headers": "[\"X-Remote-Group\"]",
            "requestheader-uid-headers": "[\"X-Remote-Uid\"]",
            "requestheader-username-headers": "[\"X-Remote-User\"]",
        },
    })
}

/// The range that Services have their addresses from.
pub(super) fn service_cidr(api: &Api) -> Value {
    json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "ServiceCIDR",
        "metadata": {"name": "kubernetes"},
        "spec": {"cidrs": [api.config.service_cidr.to_string()]},
    })
}

pub(super) fn service(api: &Api) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": "kubernetes",
            "namespace": "default",
            "labels": {"component": "apiserver", "provider": "kubernetes"},
        },
        "spec": {
            "type": "ClusterIP",
            "clusterIP": api.ranges.first_address().to_string(),
            "sessionAffinity": "None",
            "ports": [{
                "name": "https",
                "protocol": "TCP",
                "port": 443,
                "targetPort": api.config.port,
            }],
        },
    })
}

pub(super) fn endpoints(api: &Api) -> Value {
    let addresses = api.peers.addresses().into_iter();
    let addresses: Vec<Value> = addresses.map(|ip| json!({"ip": ip})).collect();
    json!({
        "apiVersion": "v1",
        "kind": "Endpoints",
        "metadata": {
            "name": "kubernetes",
            "namespace": "default",
            "labels": {"endpointslice.kubernetes.io/skip-mirror": "true"},
        },
        "subsets": [{
            "addresses": addresses,
            "ports": [{"name": "https", "port": api.config.port, "protocol": "TCP"}],
        }],
    })
}

pub(super) fn slice(api: &Api) -> Value {
    let endpoint = |ip| json!({"addresses": [ip], "conditions": {"ready": true}});
    let addresses = api.peers.addresses().into_iter();
    let endpoints: Vec<Value> = addresses.map(endpoint).collect();
    let family = if api.config.advertise.is_ipv4() {
        "IPv4"
    } else {
        "IPv6"
    };
    json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": "kubernetes",
            "namespace": "default",
            "labels": {"kubernetes.io/service-name": "kubernetes"},
        },
        "addressType": family,
        "endpoints": endpoints,
        "ports": [{"name": "https", "port": api.config.port, "protocol": "TCP"}],
    })
}
