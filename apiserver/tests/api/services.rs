//! Addresses and node ports.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::http_client::Http;
use crate::support::Cluster;

const SERVICES: &str = "/api/v1/namespaces/default/services";
const NETWORKING: &str = "/apis/networking.k8s.io/v1";

fn service(name: &str, kind: &str) -> Value {
    json!({
        "metadata": {"name": name},
        "spec": {"type": kind, "selector": {"app": "web"}, "ports": [{"port": 80}]},
    })
}

fn address(service: &Value) -> String {
    service["spec"]["clusterIP"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_api_itself_is_a_service() {
    let cluster = Cluster::start().await;
    let http = Http(cluster.admin());
    let service = http.get(&format!("{SERVICES}/kubernetes")).await.ok();
    assert_eq!(address(&service), "10.96.0.1");
    assert_eq!(service["spec"]["clusterIPs"], json!(["10.96.0.1"]));
    assert_eq!(service["spec"]["ipFamilies"], json!(["IPv4"]));
    assert_eq!(service["spec"]["ipFamilyPolicy"], "SingleStack");
    let slices = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices";
    let slice = http.get(&format!("{slices}/kubernetes")).await.ok();
    assert_eq!(slice["endpoints"][0]["addresses"][0], "192.0.2.1");
    assert_eq!(slice["ports"][0]["port"], 6443);
}

#[tokio::test]
async fn every_service_has_an_address_of_its_own() {
    let cluster = Cluster::start().await;
    let http = Http(cluster.admin());
    let mut made = tokio::task::JoinSet::new();
    for number in 0..20 {
        let http = http.clone();
        let wanted = service(&format!("s{number}"), "NodePort");
        made.spawn(async move { http.post(SERVICES, &wanted).await.ok() });
    }
    let made = made.join_all().await;
    let addresses: BTreeSet<String> = made.iter().map(address).collect();
    let port = |service: &Value| service["spec"]["ports"][0]["nodePort"].as_u64().unwrap();
    let ports: BTreeSet<u64> = made.iter().map(port).collect();
    assert_eq!((addresses.len(), ports.len()), (20, 20));
    assert!(ports.iter().all(|port| (30000..=32767).contains(port)));
}

#[tokio::test]
async fn every_address_is_an_object() {
    let cluster = Cluster::start().await;
    let listening = cluster.listen().await;
    let http = Http(cluster.admin());
    let range = http
        .get(&format!("{NETWORKING}/servicecidrs/kubernetes"))
        .await;
    let range = range.ok();
    assert_eq!(range["spec"]["cidrs"], json!(["10.96.0.0/12"]));
    let condition = &range["status"]["conditions"][0];
    assert_eq!(
        (&condition["type"], &condition["status"]),
        (&json!("Ready"), &json!("True"))
    );

    let made = http.post(SERVICES, &service("a", "ClusterIP")).await.ok();
    let path = format!("{NETWORKING}/ipaddresses/{}", address(&made));
    let held = http.get(&path).await.ok();
    let parent = json!({"resource": "services", "namespace": "default", "name": "a"});
    assert_eq!(held["spec"], json!({"parentRef": parent}));
    let labels = json!({
        "ipaddress.kubernetes.io/ip-family": "IPv4",
        "ipaddress.kubernetes.io/managed-by": "ipallocator.k8s.io",
    });
    assert_eq!(held["metadata"]["labels"], labels);
    let version = |object: &Value| object["metadata"]["resourceVersion"].clone();
    assert_eq!(version(&held), version(&made), "they are written together");
    let own = "fieldSelector=spec.parentRef.name%3Dkubernetes";
    let own = http
        .get(&format!("{NETWORKING}/ipaddresses?{own}"))
        .await
        .ok();
    assert_eq!(own["items"][0]["metadata"]["name"], "10.96.0.1");

    // It comes again as long as its Service is there, and goes with it.
    http.delete(&path, &json!({})).await.ok();
    let again = until(&http, &path, |answer| answer["kind"] == "IPAddress").await;
    assert_eq!(again["spec"], held["spec"]);
    assert_ne!(again["metadata"]["uid"], held["metadata"]["uid"]);
    http.delete(&format!("{SERVICES}/a"), &json!({})).await.ok();
    assert_eq!(http.get(&path).await.code, 404);
    // Who has one of his own keeps Services away.
    let mine = json!({"metadata": {"name": "10.96.0.77"}, "spec": {"parentRef": {"resource": "gateways", "name": "g"}}});
    http.post(&format!("{NETWORKING}/ipaddresses"), &mine)
        .await
        .ok();
    let mut wanted = service("b", "ClusterIP");
    wanted["spec"]["clusterIP"] = json!("10.96.0.77");
    let refused = http.post(SERVICES, &wanted).await.message();
    assert!(
        refused.contains("provided IP is already allocated"),
        "{refused}"
    );
    listening.stop().await;
}

#[tokio::test]
async fn fixed_values_are_honoured_or_refused() {
    let cluster = Cluster::start().await;
    let http = Http(cluster.admin());
    let fixed = |name: &str, address: &str, port: u16| {
        let mut wanted = service(name, "NodePort");
        wanted["spec"]["clusterIP"] = json!(address);
        wanted["spec"]["ports"][0]["nodePort"] = json!(port);
        wanted
    };
    let made = http
        .post(SERVICES, &fixed("a", "10.96.0.7", 30002))
        .await
        .ok();
    assert_eq!(address(&made), "10.96.0.7");
    assert_eq!(made["spec"]["ports"][0]["nodePort"], 30002);
    let cases = [
        (
            fixed("b", "10.96.0.7", 30003),
            "Service \"b\" is invalid: spec.clusterIPs: Invalid value: [\"10.96.0.7\"]: failed to allocate IP 10.96.0.7: provided IP is already allocated",
        ),
        (
            fixed("b", "10.96.0.8", 30002),
            "Service \"b\" is invalid: spec.ports[0].nodePort: Invalid value: 30002: provided port is already allocated",
        ),
        (
            fixed("b", "10.96.0.8", 80),
            "Service \"b\" is invalid: spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range. The range of valid ports is 30000-32767",
        ),
        (
            fixed("b", "192.168.1.1", 30003),
            "Service \"b\" is invalid: spec.clusterIPs: Invalid value: [\"192.168.1.1\"]: failed to allocate IP 192.168.1.1: the provided network does not match the current range",
        ),
    ];
    for (wanted, message) in cases {
        let refused = http.post(SERVICES, &wanted).await.refused();
        assert_eq!((refused.0, refused.2.as_str()), (422, message));
    }
    http.delete(&format!("{SERVICES}/a"), &json!({})).await.ok();
    http.post(SERVICES, &fixed("b", "10.96.0.7", 30002))
        .await
        .ok();
}

#[tokio::test]
async fn a_service_cidr_stays_as_long_as_its_addresses() {
    let cluster = Cluster::start().await;
    let listening = cluster.listen().await;
    let http = Http(cluster.admin());
    let cidrs = format!("{NETWORKING}/servicecidrs");
    let more =
        |name: &str| json!({"metadata": {"name": name}, "spec": {"cidrs": ["203.0.113.0/28"]}});
    let in_it = |name: &str, address: &str| {
        let mut wanted = service(name, "ClusterIP");
        wanted["spec"]["clusterIP"] = json!(address);
        wanted
    };
    http.post(&cidrs, &more("more")).await.ok();
    let ready = async |name: &str, status: &str| {
        let is = |cidr: &Value| cidr["status"]["conditions"][0]["status"] == status;
        until(&http, &format!("{cidrs}/{name}"), is).await
    };
    let cidr = ready("more", "True").await;
    let finalizer = "networking.k8s.io/service-cidr-finalizer";
    assert_eq!(cidr["metadata"]["finalizers"], json!([finalizer]));
    http.post(SERVICES, &in_it("a", "203.0.113.2")).await.ok();
    let refused = http.post(SERVICES, &in_it("b", "203.0.113.15")).await;
    assert_eq!(
        refused.refused().2,
        "Service \"b\" is invalid: spec.clusterIPs: Invalid value: [\"203.0.113.15\"]: failed to allocate IP 203.0.113.15: the provided IP (203.0.113.15) is not in the valid range. The range of valid IPs is 203.0.113.0/28"
    );

    http.delete(&format!("{cidrs}/more"), &json!({})).await.ok();
    let cidr = ready("more", "False").await;
    assert_eq!(cidr["status"]["conditions"][0]["reason"], "Terminating");
    let refused = http.post(SERVICES, &in_it("b", "203.0.113.3")).await;
    assert_eq!(
        refused.refused().2,
        "Service \"b\" is invalid: spec.clusterIPs: Invalid value: [\"203.0.113.3\"]: failed to allocate IP 203.0.113.3: the provided network does not match the current range"
    );
    // Another one with the range, or no address: either lets it go.
    http.post(&cidrs, &more("instead")).await.ok();
    let gone = |answer: &Value| answer["code"] == 404;
    until(&http, &format!("{cidrs}/more"), gone).await;
    ready("instead", "True").await;
    http.delete(&format!("{cidrs}/instead"), &json!({}))
        .await
        .ok();
    ready("instead", "False").await;
    http.delete(&format!("{SERVICES}/a"), &json!({})).await.ok();
    until(&http, &format!("{cidrs}/instead"), gone).await;
    listening.stop().await;
}

/// What is answered, once it is so.
async fn until(http: &Http, path: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let answer = http.get(path).await.body;
        if is_so(&answer) {
            return answer;
        }
        assert!(Instant::now() < deadline, "{answer}");
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_service_keeps_and_frees_what_its_type_needs() {
    let cluster = Cluster::start().await;
    let http = Http(cluster.admin());
    let path = format!("{SERVICES}/a");
    let made = http.post(SERVICES, &service("a", "NodePort")).await.ok();
    let port = made["spec"]["ports"][0]["nodePort"].clone();
    let mut again = service("a", "NodePort");
    again["metadata"]["resourceVersion"] = made["metadata"]["resourceVersion"].clone();
    let same = http.put(&path, &again).await.ok();
    assert_eq!(
        same["spec"], made["spec"],
        "what an update leaves out stays"
    );
    let plain = http
        .merge(&path, &json!({"spec": {"type": "ClusterIP"}}))
        .await
        .ok();
    assert_eq!(plain["spec"]["ports"][0]["nodePort"], Value::Null);
    assert_eq!(address(&plain), address(&made));
    let mut other = service("other", "NodePort");
    other["spec"]["ports"][0]["nodePort"] = port;
    http.post(SERVICES, &other).await.ok();

    let mut headless = service("headless", "ClusterIP");
    headless["spec"]["clusterIP"] = json!("None");
    let headless = http.post(SERVICES, &headless).await.ok();
    assert_eq!(headless["spec"]["clusterIPs"], json!(["None"]));
    let name = json!({"metadata": {"name": "name"}, "spec": {"type": "ExternalName", "externalName": "example.com"}});
    let name = http.post(SERVICES, &name).await.ok();
    assert_eq!(name["spec"]["clusterIP"], Value::Null);
}

#[tokio::test]
async fn a_dry_run_sees_what_is_taken() {
    let cluster = Cluster::start().await;
    let http = Http(cluster.admin());
    let mut fixed = service("a", "NodePort");
    fixed["spec"]["ports"][0]["nodePort"] = json!(30080);
    http.post(SERVICES, &fixed).await.ok();
    fixed["metadata"]["name"] = json!("b");
    let dry = format!("{SERVICES}?dryRun=All");
    let refused = http.post(&dry, &fixed).await.refused();
    assert_eq!(
        refused.2,
        "Service \"b\" is invalid: spec.ports[0].nodePort: Invalid value: 30080: provided port is already allocated"
    );
    http.post(SERVICES, &service("b", "NodePort")).await.ok();
    let dry = format!("{SERVICES}/b?dryRun=All");
    assert_eq!(http.merge(&dry, &fixed).await.refused().2, refused.2);
}
