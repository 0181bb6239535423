//! Lists, pages, selectors, forms.

use http::Request;
use serde_json::{Value, json};
use skiff_store::{History, Options};

use crate::http_client::Http;
use crate::support::{CONFIG_MAPS, Cluster, DEPLOYMENTS, config_map, deployment};

fn names(list: &Value) -> Vec<&str> {
    let items = list["items"].as_array().unwrap().iter();
    items
        .map(|item| item["metadata"]["name"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn pages_are_of_one_moment() {
    let cluster = Cluster::start().await;
    let http = Http(cluster.admin());
    for name in ["a", "b", "c", "d", "e"] {
        http.post(CONFIG_MAPS, &config_map(name)).await.ok();
    }
    let first = http.get(&format!("{CONFIG_MAPS}?limit=2")).await.ok();
    assert_eq!(names(&first), ["a", "b"]);
    assert_eq!(first["metadata"]["remainingItemCount"], 3);
    http.post(CONFIG_MAPS, &config_map("bb")).await.ok();
    http.delete(&format!("{CONFIG_MAPS}/c"), &json!({}))
        .await
        .ok();
    let token = first["metadata"]["continue"].as_str().unwrap();
    let second = http
        .get(&format!("{CONFIG_MAPS}?limit=2&continue={token}"))
        .await
        .ok();
    assert_eq!(names(&second), ["c", "d"]);
    assert_eq!(
        second["metadata"]["resourceVersion"],
        first["metadata"]["resourceVersion"]
    );
    let token = second["metadata"]["continue"].as_str().unwrap();
    let last = http
        .get(&format!("{CONFIG_MAPS}?limit=2&continue={token}"))
        .await
        .ok();
    assert_eq!(names(&last), ["e"]);
    assert_eq!(last["metadata"]["continue"], Value::Null);
}

#[tokio::test]
async fn a_list_that_took_too_long_goes_on_with_what_there_is() {
    let history = History {
        changes: 2,
        ..History::default()
    };
    let options = Options {
        history,
        ..Options::default()
    };
    let cluster = Cluster::start_with(options).await;
    let http = Http(cluster.admin());
    for name in ["a", "b", "d", "e"] {
        http.post(CONFIG_MAPS, &config_map(name)).await.ok();
    }
    let page = async |token: &str| {
        let path = format!("{CONFIG_MAPS}?limit=2&continue={token}");
        http.get(&path).await
    };
    let first = page("").await.ok();
    assert_eq!(names(&first), ["a", "b"]);
    for name in ["aa", "c", "f"] {
        http.post(CONFIG_MAPS, &config_map(name)).await.ok();
    }
    let late = page(first["metadata"]["continue"].as_str().unwrap()).await;
    let token = late.body["metadata"]["continue"]
        .as_str()
        .unwrap()
        .to_owned();
    let (code, reason, message) = late.refused();
    assert_eq!((code, reason.as_str()), (410, "Expired"));
    assert!(
        message.contains("results in an inconsistent list"),
        "{message}"
    );
    let second = page(&token).await.ok();
    assert_eq!(names(&second), ["c", "d"]);
    let newest = cluster.store.revision().to_string();
    assert_eq!(second["metadata"]["resourceVersion"], newest);
    // From here on it is of one moment again.
    let last = page(second["metadata"]["continue"].as_str().unwrap()).await;
    let last = last.ok();
    assert_eq!(names(&last), ["e", "f"]);
    assert_eq!(last["metadata"]["resourceVersion"], newest);
}

#[tokio::test]
async fn a_page_is_of_no_version_but_its_lists() {
    let cluster = Cluster::start().await;
    let http = Http(cluster.admin());
    for name in ["a", "b"] {
        http.post(CONFIG_MAPS, &config_map(name)).await.ok();
    }
    let first = http.get(&format!("{CONFIG_MAPS}?limit=1")).await.ok();
    let token = first["metadata"]["continue"].as_str().unwrap();
    let version = first["metadata"]["resourceVersion"].as_str().unwrap();
    let any = format!("continue={token}&resourceVersion=0");
    let second = http.get(&format!("{CONFIG_MAPS}?{any}")).await.ok();
    assert_eq!(names(&second), ["b"]);
    let cases = [
        (
            format!("continue={token}&resourceVersion={version}"),
            "specifying resource version is not allowed when using continue",
        ),
        (
            format!("continue={token}&resourceVersion={version}&resourceVersionMatch=Exact"),
            "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden when continue is provided",
        ),
        (
            "continue=e30".to_owned(),
            "invalid continue token: continue key is not valid: missing field `v` at line 1 column 2",
        ),
    ];
    for (query, words) in cases {
        let refused = http.get(&format!("{CONFIG_MAPS}?{query}")).await.refused();
        assert_eq!((refused.0, refused.2.as_str()), (400, words));
    }
}

#[tokio::test]
async fn a_list_is_of_the_version_that_is_asked_for() {
    let cluster = Cluster::start().await;
    let http = Http(cluster.admin());
    let first = http.post(CONFIG_MAPS, &config_map("a")).await.ok();
    http.post(CONFIG_MAPS, &config_map("b")).await.ok();
    let then = first["metadata"]["resourceVersion"].as_str().unwrap();
    let exact = format!("{CONFIG_MAPS}?resourceVersion={then}&resourceVersionMatch=Exact");
    assert_eq!(names(&http.get(&exact).await.ok()), ["a"]);
    let since = format!("{CONFIG_MAPS}?resourceVersion={then}&resourceVersionMatch=NotOlderThan");
    assert_eq!(names(&http.get(&since).await.ok()), ["a", "b"]);
    let any = format!("{CONFIG_MAPS}?resourceVersion=0");
    assert_eq!(names(&http.get(&any).await.ok()), ["a", "b"]);
    let future = http
        .get(&format!("{CONFIG_MAPS}?resourceVersion=999999"))
        .await;
    assert_eq!(future.headers["retry-after"], "1");
    let refused = future.refused();
    assert_eq!((refused.0, refused.1.as_str()), (504, "Timeout"));
    assert!(
        refused
            .2
            .starts_with("Too large resource version: 999999, current: "),
        "{}",
        refused.2
    );
}

#[tokio::test]
async fn selectors_narrow_a_list() {
    let cluster = Cluster::start().await;
    let http = Http(cluster.admin());
    for (name, tier) in [("a", "x"), ("b", "y"), ("c", "z")] {
        let mut object = config_map(name);
        object["metadata"]["labels"] = json!({"tier": tier});
        http.post(CONFIG_MAPS, &object).await.ok();
    }
    let cases = [
        ("labelSelector=tier%3Dx", vec!["a"]),
        ("labelSelector=tier!%3Dx", vec!["b", "c"]),
        ("labelSelector=tier%20in%20(x,z)", vec!["a", "c"]),
        ("labelSelector=tier%20notin%20(x,z)", vec!["b"]),
        ("labelSelector=!tier", vec![]),
        ("fieldSelector=metadata.name%3Db", vec!["b"]),
        (
            "fieldSelector=metadata.name!%3Db,metadata.namespace%3Ddefault",
            vec!["a", "c"],
        ),
        ("labelSelector=tier&limit=2", vec!["a", "b"]),
    ];
    for (query, expected) in cases {
        let list = http.get(&format!("{CONFIG_MAPS}?{query}")).await.ok();
        assert_eq!(names(&list), expected, "{query}");
    }
    for bad in [
        "labelSelector=a%20b%20c",
        "fieldSelector=data.x%3Dy",
        "limit=x",
    ] {
        assert_eq!(
            http.get(&format!("{CONFIG_MAPS}?{bad}")).await.code,
            400,
            "{bad}"
        );
    }
}

#[tokio::test]
async fn an_answer_has_the_form_that_is_wanted() {
    let cluster = Cluster::start().await;
    let http = Http(cluster.admin());
    http.post(DEPLOYMENTS, &deployment("web")).await.ok();
    let path = format!("{DEPLOYMENTS}/web");
    let table = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
    for path in [DEPLOYMENTS, &path] {
        let table = http.get_as(path, table).await.ok();
        assert_eq!(table["kind"], "Table");
        assert_eq!(table["columnDefinitions"][1]["name"], "Ready");
        assert_eq!(table["rows"][0]["cells"][1], "0/1");
        assert_eq!(table["rows"][0]["object"]["kind"], "PartialObjectMetadata");
    }
    let partial = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
    let list = http.get_as(DEPLOYMENTS, partial).await.ok();
    assert_eq!(list["kind"], "PartialObjectMetadataList");
    assert_eq!(list["items"][0]["metadata"]["name"], "web");
    assert_eq!(list["items"][0]["spec"], Value::Null);
    let yaml = http.get_as(&path, "application/yaml").await.ok();
    assert!(
        yaml.as_str()
            .unwrap()
            .starts_with("apiVersion: apps/v1\nkind: Deployment\n")
    );
    let refused = http.get_as(&path, "text/html").await.refused();
    assert_eq!((refused.0, refused.1.as_str()), (406, "NotAcceptable"));
}

#[tokio::test]
async fn discovery_and_schemas_say_what_is_served() {
    let cluster = Cluster::start().await;
    let http = Http(cluster.client("someone", &["people"]));
    let resources = http.get("/apis/apps/v1").await.ok();
    let listed = resources["resources"].as_array().unwrap().iter();
    let listed: Vec<&str> = listed.map(|it| it["name"].as_str().unwrap()).collect();
    for wanted in ["deployments", "deployments/scale", "deployments/status"] {
        assert!(listed.contains(&wanted), "{listed:?}");
    }
    let groups = http.get("/apis").await.ok();
    let listed = groups["groups"].as_array().unwrap().iter();
    assert!(listed.map(|it| &it["name"]).any(|name| name == "apps"));
    let aggregated =
        "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";
    let core = http.get_as("/api", aggregated).await;
    assert!(
        core.headers["content-type"]
            .to_str()
            .unwrap()
            .contains("as=APIGroupDiscoveryList")
    );
    let tag = core.headers["etag"].clone();
    assert_eq!(core.ok()["items"][0]["versions"][0]["version"], "v1");
    let again = Request::get("/api")
        .header("accept", aggregated)
        .header("if-none-match", tag);
    let again = http.send(again.body(Vec::new()).unwrap()).await;
    assert_eq!(again.code, 304);
    let requests = http.get("/apis/certificates.k8s.io/v1").await.ok();
    let mut requests = requests["resources"].as_array().unwrap().iter();
    assert!(requests.any(|it| it["name"] == "certificatesigningrequests/approval"));
    let review = Request::post("/apis/authentication.k8s.io/v1/selfsubjectreviews")
        .header("accept", "application/json;as=Table;v=v1;g=meta.k8s.io");
    let refused = http.send(review.body(b"{}".to_vec()).unwrap()).await;
    assert_eq!(refused.refused().0, 406);

    let index = http.get("/openapi/v3").await.ok();
    let url = index["paths"]["apis/apps/v1"]["serverRelativeURL"]
        .as_str()
        .unwrap();
    let document = http.get(url).await.ok();
    let schema = &document["components"]["schemas"]["io.k8s.api.apps.v1.DeploymentSpec"];
    let replicas = &schema["properties"]["replicas"];
    assert_eq!(
        (&replicas["type"], &replicas["format"]),
        (&json!("integer"), &json!("int32"))
    );
    let patch =
        &document["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"];
    let parameters = patch["parameters"].as_array().unwrap();
    assert!(parameters.iter().any(|it| it["name"] == "fieldValidation"));
    let swagger = http.get("/openapi/v2").await.ok();
    let containers =
        &swagger["definitions"]["io.k8s.api.core.v1.PodSpec"]["properties"]["containers"];
    assert_eq!(containers["x-kubernetes-patch-merge-key"], "name");
}
