//! A kind of one's own: defined, found by discovery, checked, scaled, with a status, watched by its name.

use std::pin::pin;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures::TryStreamExt;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{
    DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams, WatchEvent,
    WatchParams,
};
use kube::discovery::{self, Scope};
use kube::runtime::wait::{await_condition, conditions};
use kube::{Api, Client, CustomResource, CustomResourceExt, ResourceExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(60);

/// What is wanted of a widget.
#[derive(CustomResource, Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[kube(
    group = "kube-rs.example.com",
    version = "v1",
    kind = "Widget",
    namespaced,
    shortname = "wd"
)]
#[kube(status = "WidgetStatus")]
#[kube(scale(
    spec_replicas_path = ".spec.replicas",
    status_replicas_path = ".status.replicas"
))]
pub(crate) struct WidgetSpec {
    colour: Colour,
    #[serde(default = "one")]
    #[schemars(range(max = 9))]
    replicas: i32,
}

#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Colour {
    Red,
    Blue,
}

/// What has become of it.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
pub(crate) struct WidgetStatus {
    phase: String,
    replicas: i32,
}

fn one() -> i32 {
    1
}

pub(crate) async fn run(client: Client) -> Result<()> {
    define(&client).await?;
    use_it(&client).await?;
    discover(&client).await
}

async fn define(client: &Client) -> Result<()> {
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let definition = Widget::crd();
    definitions
        .create(&PostParams::default(), &definition)
        .await?;
    let name = definition.name_any();
    let established = await_condition(definitions, &name, conditions::is_crd_established());
    let defined = timeout(LIMIT, established)
        .await??
        .context("a definition")?;
    println!("defined: {}", defined.spec.names.kind);
    Ok(())
}

async fn use_it(client: &Client) -> Result<()> {
    let resource = Widget::api_resource();
    let untyped: Api<DynamicObject> = Api::default_namespaced_with(client.clone(), &resource);
    let mut green = DynamicObject::new("gear", &resource);
    green.data = json!({"spec": {"colour": "green"}});
    match untyped.create(&PostParams::default(), &green).await {
        Err(kube::Error::Api(status)) => {
            let cause = status
                .details
                .and_then(|details| details.causes.into_iter().next());
            let cause = cause.context("a cause")?;
            println!("refused: {} {}", cause.reason, cause.field);
        }
        other => bail!("not refused: {other:?}"),
    }
    let widgets: Api<Widget> = Api::default_namespaced(client.clone());
    let red = serde_json::from_value(json!({
        "apiVersion": "kube-rs.example.com/v1",
        "kind": "Widget",
        "metadata": {"name": "gear"},
        "spec": {"colour": "red"},
    }))?;
    let mut gear: Widget = widgets.create(&PostParams::default(), &red).await?;
    let generation = |gear: &Widget| gear.metadata.generation.unwrap_or_default();
    println!(
        "created: {} replicas, generation {}",
        gear.spec.replicas,
        generation(&gear)
    );
    let phase = "Turning".to_owned();
    gear.status = Some(WidgetStatus { phase, replicas: 1 });
    let gear = widgets
        .replace_status("gear", &PostParams::default(), &gear)
        .await?;
    let phase = gear.status.clone().unwrap_or_default().phase;
    println!("status: {phase} generation {}", generation(&gear));
    let three = Patch::Merge(json!({"spec": {"replicas": 3}}));
    let scale = widgets
        .patch_scale("gear", &PatchParams::default(), &three)
        .await?;
    let wanted = scale
        .spec
        .and_then(|spec| spec.replicas)
        .unwrap_or_default();
    let had = scale.status.unwrap_or_default().replicas;
    println!("scaled: {wanted} of {had}");
    let listed = widgets.list(&ListParams::default()).await?;
    let kind = listed.types.kind;
    let gear = listed.items.first().context("a widget")?;
    println!("listed: {} {kind}", gear.name_any());
    println!("generation: {}", generation(gear));
    Ok(())
}

async fn discover(client: &Client) -> Result<()> {
    let group = discovery::group(client, "kube-rs.example.com").await?;
    let (resource, capabilities) = group.recommended_kind("Widget").context("the kind")?;
    assert_eq!(capabilities.scope, Scope::Namespaced);
    let mut parts: Vec<_> = capabilities
        .subresources
        .iter()
        .map(|(part, _)| part.plural.clone())
        .collect();
    parts.sort();
    println!("discovered: {} {}", resource.plural, parts.join(" "));
    let widgets: Api<DynamicObject> = Api::default_namespaced_with(client.clone(), &resource);
    let mut blue = DynamicObject::new("gear", &resource);
    blue.data = json!({"spec": {"colour": "blue"}});
    let painter = PatchParams::apply("painter").force();
    let applied = widgets
        .patch("gear", &painter, &Patch::Apply(&blue))
        .await?;
    let spec = &applied.data["spec"];
    println!(
        "applied: {} {}",
        spec["colour"].as_str().unwrap_or_default(),
        spec["replicas"]
    );
    widgets.delete("gear", &DeleteParams::default()).await?;
    let past = applied.resource_version().context("a version")?;
    let watch = WatchParams::default().timeout(60);
    let mut events = pin!(widgets.watch(&watch, &past).await?);
    match events.try_next().await?.context("an event")? {
        WatchEvent::Deleted(gone) => println!("watched: DELETED {}", gone.name_any()),
        other => bail!("watched: {other:?}"),
    }
    Ok(())
}
