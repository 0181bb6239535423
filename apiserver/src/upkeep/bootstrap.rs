//! What every cluster has from its first moment: four namespaces, two PriorityClasses, a default StorageClass, and the
//! Service of the API itself.

use futures::future::{select_all, try_join_all};
use jiff::Timestamp;
use serde_json::{Value, json};
use skiff_api::{Reason, SYSTEM_PRIORITY_CLASSES, Status};
use skiff_store::{Change, Watch, WatchEnd};
use tokio_util::sync::CancellationToken;

use super::addresses;
use crate::admission::Part;
use crate::aggregation;
use crate::api::Api;
use crate::authz::bootstrap;
use crate::codec::now;
use crate::error::Error;
use crate::request::unknown;
use crate::writes::{Writer, Writes};

const NAMESPACES: [&str; 4] = ["default", "kube-system", "kube-public", "kube-node-lease"];

/// What of it can be deleted.
const MORTAL: [&str; 5] = [
    "/registry/core/namespaces/kube-node-lease",
    "/registry/core/services/default/kubernetes",
    "/registry/core/endpoints/default/kubernetes",
    "/registry/discovery.k8s.io/endpointslices/default/kubernetes",
    "/registry/networking.k8s.io/servicecidrs/kubernetes",
];
/// The group of ServiceCIDRs.
const NETWORKING: &str = "networking.k8s.io";

/// Makes all that every cluster has, and completes its roles.
pub(crate) async fn complete(api: &Api) -> Result<(), Error> {
    let snapshot = api.store.snapshot();
    addresses::make_all(&api.store, &snapshot).await;
    if api.servers.lease().is_some() {
        api.servers.read(&snapshot);
    }
    run(api).await?;
    roles(api).await?;
    api_services(api).await
}

/// Makes anew what is deleted, until `shutdown`: after `kubectl delete services --all` Pods must still find the API.
pub(super) async fn keep(api: &Api, shutdown: CancellationToken) {
    while !shutdown.is_cancelled() {
        let now = api.store.revision();
        let watches = MORTAL.into_iter().map(|key| api.store.watch(key, now));
        let Ok(watches) = watches.collect::<Result<Vec<_>, _>>() else {
            continue;
        };
        if let Err(error) = run(api).await {
            tracing::warn!(%error, source = ?std::error::Error::source(&error), "what every cluster has is not complete");
        }
        let any = select_all(watches.into_iter().map(|watch| Box::pin(deletion(watch))));
        // Cancel-safe: the next round looks at everything itself.
        let end = tokio::select! {
            () = shutdown.cancelled() => return,
            (end, ..) = any => end,
        };
        if end == Err(WatchEnd::Closed) {
            return;
        }
    }
}

/// Returns when something was deleted.
async fn deletion(mut watch: Watch) -> Result<(), WatchEnd> {
    loop {
        let changes = watch.next().await?;
        let mut changes = changes.iter().map(AsRef::as_ref);
        if changes.any(|change| matches!(change, Change::Delete { .. })) {
            return Ok(());
        }
    }
}

/// Makes what is missing, and sets right what has changed.
async fn run(api: &Api) -> Result<(), Error> {
    for name in NAMESPACES {
        let namespace = json!({
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": name},
        });
        ensure(api, "", "namespaces", "", namespace, false).await?;
    }
    for (name, value) in SYSTEM_PRIORITY_CLASSES {
        let group = "scheduling.k8s.io";
        let class = priority_class(name, value);
        ensure(api, group, "priorityclasses", "", class, false).await?;
    }
    ensure(
        api,
        "",
        "configmaps",
        "kube-system",
        authentication(api),
        true,
    )
    .await?;
    let group = "storage.k8s.io";
    ensure(api, group, "storageclasses", "", storage_class(), false).await?;
    ensure(
        api,
        NETWORKING,
        "servicecidrs",
        "",
        service_cidr(api),
        false,
    )
    .await?;
    service_cidr_ready(api).await?;
    ensure(api, "", "services", "default", service(api), false).await?;
    // First, for others take away the address when it ends.
    if api.servers.lease().is_some() {
        renew_lease(api).await?;
    }
    lead_to_servers(api).await
}

/// Lets the Service of the API lead to all servers that live.
pub(super) async fn lead_to_servers(api: &Api) -> Result<(), Error> {
    ensure(api, "", "endpoints", "default", endpoints(api), true).await?;
    let group = "discovery.k8s.io";
    ensure(api, group, "endpointslices", "default", slice(api), true).await
}

/// Makes or renews the Lease of this server.
pub(super) async fn renew_lease(api: &Api) -> Result<(), Error> {
    let (group, lease) = ("coordination.k8s.io", api.servers.renewed(Timestamp::now()));
    ensure(api, group, "leases", "kube-system", lease, true).await
}

/// The default class: folders of the node on which the first consumer runs.
fn storage_class() -> Value {
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
fn authentication(api: &Api) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "extension-apiserver-authentication"},
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

/// Says of every version of a group that this server serves it, all at once.
async fn api_services(api: &Api) -> Result<(), Error> {
    let group = "apiregistration.k8s.io";
    let wanted = aggregation::services(&api.kinds.current().registry).into_iter();
    let writes = wanted.map(|service| ensure(api, group, "apiservices", "", service, false));
    try_join_all(writes).await.map(|_| ())
}

fn priority_class(name: &str, value: i64) -> Value {
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

/// Writes the roles and bindings that every cluster has, all at once: the store groups them into few commits.
async fn roles(api: &Api) -> Result<(), Error> {
    let writes = bootstrap::objects()
        .into_iter()
        .map(|wanted| role(api, wanted));
    try_join_all(writes).await.map(|_| ())
}

async fn role(api: &Api, wanted: Value) -> Result<(), Error> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let metadata = &wanted["metadata"];
    let (namespace, name) = (text(&metadata["namespace"]), text(&metadata["name"]));
    let kind = text(&wanted["kind"]);
    let done = async {
        let descriptor = api.kinds.of_kind("rbac.authorization.k8s.io", "v1", &kind);
        let descriptor = descriptor.ok_or_else(unknown)?;
        let storage = api.objects.of(&descriptor);
        let writes = Writes::new(api, &storage);
        let writer = Writer::default();
        if storage.get(&namespace, &name).await.is_err() {
            match writes.create(&namespace, wanted.clone(), writer).await {
                // By another server, a moment ago.
                Err(status) if status.reason == Reason::AlreadyExists => {}
                made => return made.map(|_| ()),
            }
        }
        let complete = |old: &Value| Ok(bootstrap::reconciled(old, &wanted));
        let written = writes.modify(&namespace, &name, Part::Main, writer, complete);
        written.await.map(|_| ())
    };
    done.await.map_err(|source| Error::Bootstrap {
        what: format!("{kind} {name}"),
        source,
    })
}

/// The range that Services have their addresses from.
fn service_cidr(api: &Api) -> Value {
    json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "ServiceCIDR",
        "metadata": {"name": "kubernetes"},
        "spec": {"cidrs": [api.config.service_cidr.to_string()]},
    })
}

/// Says of it that it is in use, unless that has been said.
async fn service_cidr_ready(api: &Api) -> Result<(), Error> {
    let ready = |old: &Value| {
        let mut new = old.clone();
        if old["status"]["conditions"].is_null() {
            new["status"]["conditions"] = json!([{
                "type": "Ready",
                "status": "True",
                "reason": "",
                "message": "Kubernetes Service CIDR is ready",
                "lastTransitionTime": now(),
            }]);
        }
        Ok(new)
    };
    let done = async {
        let descriptor = api.kinds.get(NETWORKING, "v1", "servicecidrs");
        let descriptor = descriptor.ok_or_else(unknown)?;
        let storage = api.objects.of(&descriptor);
        let writes = Writes::new(api, &storage);
        let writer = Writer::default();
        writes
            .modify("", "kubernetes", Part::Status, writer, ready)
            .await
    };
    let done = done.await.map(|_| ());
    done.map_err(|source| Error::Bootstrap {
        what: "servicecidrs kubernetes".to_owned(),
        source,
    })
}

fn service(api: &Api) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": "kubernetes",
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

fn endpoints(api: &Api) -> Value {
    let addresses = api.servers.addresses().into_iter();
    let addresses: Vec<Value> = addresses.map(|ip| json!({"ip": ip})).collect();
    json!({
        "apiVersion": "v1",
        "kind": "Endpoints",
        "metadata": {
            "name": "kubernetes",
            "labels": {"endpointslice.kubernetes.io/skip-mirror": "true"},
        },
        "subsets": [{
            "addresses": addresses,
            "ports": [{"name": "https", "port": api.config.port, "protocol": "TCP"}],
        }],
    })
}

fn slice(api: &Api) -> Value {
    let endpoint = |ip| json!({"addresses": [ip], "conditions": {"ready": true}});
    let addresses = api.servers.addresses().into_iter();
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
            "labels": {"kubernetes.io/service-name": "kubernetes"},
        },
        "addressType": family,
        "endpoints": endpoints,
        "ports": [{"name": "https", "port": api.config.port, "protocol": "TCP"}],
    })
}

/// Makes an object; one that is there already stays, or is set right.
async fn ensure(
    api: &Api,
    group: &str,
    plural: &str,
    namespace: &str,
    object: Value,
    set_right: bool,
) -> Result<(), Error> {
    let name = object["metadata"]["name"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let done = async {
        let descriptor = api.kinds.get(group, "v1", plural);
        let descriptor = descriptor.ok_or_else(unknown)?;
        let storage = api.objects.of(&descriptor);
        let known = storage.get(namespace, &name).await.is_ok();
        let writes = Writes::new(api, &storage);
        if !known && make(&writes, namespace, &object).await? {
            return Ok(());
        }
        match set_right {
            true => replace(&writes, namespace, &name, &object).await,
            false => Ok(()),
        }
    };
    done.await.map_err(|source| Error::Bootstrap {
        what: format!("{plural} {namespace}/{name}"),
        source,
    })
}

/// Makes an object; `false` if another server has, a moment ago.
async fn make(writes: &Writes<'_>, namespace: &str, object: &Value) -> Result<bool, Status> {
    let made = writes.create(namespace, object.clone(), Writer::default());
    match made.await {
        Ok(_) => Ok(true),
        Err(status) if status.reason == Reason::AlreadyExists => Ok(false),
        Err(status) => Err(status),
    }
}

/// Sets an object right, if it is not.
async fn replace(
    writes: &Writes<'_>,
    namespace: &str,
    name: &str,
    object: &Value,
) -> Result<(), Status> {
    let wanted = |old: &Value| {
        let mut new = object.clone();
        new["metadata"]["namespace"] = old["metadata"]["namespace"].clone();
        Ok(new)
    };
    let replaced = writes.modify(namespace, name, Part::Main, Writer::default(), wanted);
    replaced.await.map(|_| ())
}
