//! Objects as every program handles them: made, read, changed in each way, applied, listed in pages, removed.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use k8s_openapi::api::authentication::v1::TokenRequest;
use k8s_openapi::api::core::v1::{ConfigMap, Event, Secret, ServiceAccount};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::runtime::events::{self, EventType, Recorder, Reporter};
use kube::{Api, Client, Config, Resource, ResourceExt};
use serde_json::{Value, json};

use crate::in_cluster::account_of;
use crate::refused;

pub(crate) async fn run(client: Client) -> Result<()> {
    let version = client.apiserver_version().await?;
    println!("version {}.{}", version.major, version.minor);
    let maps = Api::default_namespaced(client.clone());
    change(&maps).await?;
    apply(&maps).await?;
    list(&maps).await?;
    as_a_service_account(&client).await?;
    record(&client).await
}

fn config_map(name: &str, data: &Value) -> Result<ConfigMap> {
    let labels = json!({"app": "objects", "name": name});
    Ok(serde_json::from_value(json!({
        "metadata": {"name": name, "labels": labels},
        "data": data,
    }))?)
}

fn data(map: &ConfigMap, key: &str) -> String {
    let data = map.data.as_ref();
    data.and_then(|data| data.get(key).cloned())
        .unwrap_or_default()
}

fn keys(map: &ConfigMap) -> String {
    let keys = map.data.iter().flatten().map(|(key, _)| key.as_str());
    keys.collect::<Vec<_>>().join(" ")
}

async fn change(maps: &Api<ConfigMap>) -> Result<()> {
    let new = PostParams::default();
    let plain = PatchParams::default();
    let blue = config_map("settings", &json!({"colour": "blue"}))?;
    let settings = maps.create(&new, &blue).await?;
    println!("created: {}", data(&settings, "colour"));
    println!("again: {}", refused(maps.create(&new, &blue).await)?);
    let green = Patch::Merge(json!({"data": {"colour": "green"}}));
    let patched = maps.patch("settings", &plain, &green).await?;
    println!("merge patch: {}", data(&patched, "colour"));
    let size = json!([{"op": "add", "path": "/data/size", "value": "3"}]);
    let size = Patch::Json::<()>(serde_json::from_value(size)?);
    let patched = maps.patch("settings", &plain, &size).await?;
    println!("JSON patch: {}", data(&patched, "size"));
    let tier = Patch::Strategic(json!({"metadata": {"labels": {"tier": "web"}}}));
    let mut patched = maps.patch("settings", &plain, &tier).await?;
    let labels = patched.labels();
    println!(
        "strategic merge patch: {} {}",
        labels["tier"], labels["app"]
    );
    let stale = maps.replace("settings", &new, &settings).await;
    println!("stale: {}", refused(stale)?);
    patched.data = Some(BTreeMap::from([("colour".to_owned(), "black".to_owned())]));
    let replaced = maps.replace("settings", &new, &patched).await?;
    println!("replaced: {}", keys(&replaced));
    let pink = Patch::Merge(json!({"data": {"colour": "pink"}}));
    let tried = maps.patch("settings", &plain.dry_run(), &pink).await?;
    let read = maps.get("settings").await?;
    println!(
        "tried: {} read: {}",
        data(&tried, "colour"),
        data(&read, "colour")
    );
    Ok(())
}

async fn apply(maps: &Api<ConfigMap>) -> Result<()> {
    let taste = |data: Value| {
        let metadata = json!({"name": "taste"});
        Patch::Apply(
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}),
        )
    };
    let (robot, human) = (PatchParams::apply("robot"), PatchParams::apply("human"));
    let first = taste(json!({"colour": "red", "flavour": "sweet"}));
    let applied = maps.patch("taste", &robot, &first).await?;
    let manager = applied.managed_fields()[0].manager.as_deref();
    println!("applied by {}", manager.unwrap_or_default());
    let white = taste(json!({"colour": "white"}));
    let answer = maps.patch("taste", &human, &white).await;
    println!("applied by human: {}", refused(answer)?);
    let forced = maps.patch("taste", &human.force(), &white).await?;
    println!(
        "forced: {} {}",
        data(&forced, "colour"),
        data(&forced, "flavour")
    );
    let left = maps.patch("taste", &robot, &taste(json!({}))).await?;
    println!("left: {}", keys(&left));
    Ok(())
}

async fn list(maps: &Api<ConfigMap>) -> Result<()> {
    for number in 1..=5 {
        let item = config_map(&format!("item-{number}"), &json!({}))?;
        maps.create(&PostParams::default(), &item).await?;
    }
    let mut sizes = Vec::new();
    let mut query = ListParams::default()
        .labels("name notin (settings),app=objects")
        .limit(2);
    loop {
        let page = maps.list(&query).await?;
        sizes.push(page.items.len().to_string());
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => query = query.continue_token(&token),
            None => break,
        }
    }
    println!("pages: {}", sizes.join(" "));
    let names = async |query: ListParams| -> Result<String> {
        let items = maps.list_metadata(&query).await?.items;
        let names: Vec<_> = items.iter().map(ResourceExt::name_any).collect();
        Ok(names.join(" "))
    };
    let some = ListParams::default().labels("name in (item-1,item-3)");
    println!("selected: {}", names(some).await?);
    let one = ListParams::default().fields("metadata.name=item-2");
    println!("by its field: {}", names(one).await?);
    maps.delete("item-2", &DeleteParams::default()).await?;
    println!("deleted: {}", refused(maps.get("item-2").await)?);
    let all = ListParams::default().labels("app=objects");
    maps.delete_collection(&DeleteParams::default(), &all)
        .await?;
    println!("left: {}", maps.list(&all).await?.items.len());
    Ok(())
}

async fn as_a_service_account(client: &Client) -> Result<()> {
    let accounts: Api<ServiceAccount> = Api::default_namespaced(client.clone());
    let robot = serde_json::from_value(json!({"metadata": {"name": "robot"}}))?;
    accounts.create(&PostParams::default(), &robot).await?;
    let request: TokenRequest = serde_json::from_value(json!({"spec": {"audiences": []}}))?;
    let new = PostParams::default();
    let answer = accounts
        .create_token_request("robot", &new, &request)
        .await?;
    let token = answer.status.context("a token")?.token;
    let mut config = Config::infer().await?;
    config.auth_info = serde_json::from_value(json!({"token": token}))?;
    let own = Client::try_from(config)?;
    println!("token of: {}", account_of(&own).await?);
    let secrets: Api<Secret> = Api::default_namespaced(own);
    println!(
        "secrets: {}",
        refused(secrets.list(&ListParams::default()).await)?
    );
    Ok(())
}

async fn record(client: &Client) -> Result<()> {
    let accounts: Api<ServiceAccount> = Api::default_namespaced(client.clone());
    let robot = accounts.get("robot").await?;
    let reporter = Reporter {
        controller: "example.com/workshop".to_owned(),
        instance: Some("workshop-1".to_owned()),
    };
    let oiled = events::Event {
        type_: EventType::Normal,
        reason: "Oiled".to_owned(),
        action: "Oiling".to_owned(),
        note: Some("It runs smoothly".to_owned()),
        secondary: None,
    };
    let recorder = Recorder::new(client.clone(), reporter);
    recorder.publish(&oiled, &robot.object_ref(&())).await?;
    // The same once more makes a series of it.
    recorder.publish(&oiled, &robot.object_ref(&())).await?;
    let events: Api<Event> = Api::default_namespaced(client.clone());
    let of_robot = ListParams::default().fields("involvedObject.name=robot");
    for event in events.list(&of_robot).await? {
        let told = [event.type_, event.reason, event.message].map(Option::unwrap_or_default);
        println!("event: {}", told.join(" "));
    }
    Ok(())
}
