//! Requests that are passed on to Pods and Nodes.

use serde_json::{Value, json};

use crate::http_client::Http;
use crate::overload::Clients;
use crate::support::{Cluster, pod, service_account};
use crate::upstream::{Upstream, hear_an_echo};

const NAMESPACE: &str = "/api/v1/namespaces/default";

fn page(path: &str) -> Option<Value> {
    (path == "/page?q=1").then(|| json!("a page"))
}

/// A Pod and a Node at the address of this machine.
async fn place(http: &Http) {
    let accounts = format!("{NAMESPACE}/serviceaccounts");
    http.post(&accounts, &service_account("default")).await.ok();
    let pods = format!("{NAMESPACE}/pods");
    http.post(&pods, &pod("web")).await.ok();
    let status = json!({"status": {"podIP": "127.0.0.1"}});
    http.merge(&format!("{pods}/web/status"), &status)
        .await
        .ok();
    let node = json!({
        "metadata": {"name": "n1"},
        "status": {"addresses": [{"type": "InternalIP", "address": "127.0.0.1"}]},
    });
    http.post("/api/v1/nodes", &node).await.ok();
}

#[tokio::test]
async fn pages_and_streams_go_through_the_proxy_plain_and_over_tls() {
    let cluster = Cluster::start().await;
    let listening = cluster.listen().await;
    let http = Http(cluster.admin());
    place(&http).await;
    let plain = Upstream::start(None, page).await;
    // A certificate of its own making, for another name.
    let identity = cluster.pki.server("192.0.2.7");
    let secure = Upstream::start(Some(&identity), page).await;
    let clients = Clients::of(&cluster, &listening);
    for (scheme, upstream) in [("http", &plain), ("https", &secure)] {
        let port = upstream.port;
        for path in [
            format!("{NAMESPACE}/pods/{scheme}:web:{port}/proxy"),
            format!("/api/v1/nodes/{scheme}:n1:{port}/proxy"),
        ] {
            let answer = http.get(&format!("{path}/page?q=1")).await;
            assert_eq!(answer.ok(), "a page", "{path}");
            hear_an_echo(clients.connect().await, &format!("{path}/stream")).await;
        }
        let asked = upstream.asked();
        let secret = asked.iter().find(|head| head.contains("secret"));
        assert_eq!((asked.len(), secret), (4, None));
    }
    let path = format!("{NAMESPACE}/pods/web:{}/proxy/page", secure.port);
    let refused = http.get(&path).await.refused();
    assert_eq!((refused.0, refused.1.as_str()), (503, "ServiceUnavailable"));
    listening.stop().await;
}
