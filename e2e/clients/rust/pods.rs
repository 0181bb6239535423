//! A Pod and what one does with it: wait, talk, run commands inside, read and follow its log, reach its port, evict it.

use std::pin::pin;
use std::time::Duration;

use anyhow::{Context, Result};
use futures::{AsyncBufReadExt, TryStreamExt};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{
    AttachParams, DeleteParams, EvictParams, ListParams, LogParams, Patch, PatchParams,
};
use kube::api::{PostParams, WatchEvent, WatchParams};
use kube::runtime::wait::await_condition;
use kube::{Api, Client, ResourceExt};
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(120);
const REQUEST: &[u8] = b"GET /hostname.html HTTP/1.1\r\nHost: talker\r\nConnection: close\r\n\r\n";

pub(crate) async fn run(client: Client) -> Result<()> {
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    start(&pods).await?;
    execute(&pods).await?;
    follow(&pods).await?;
    forward(&pods).await?;
    evict(&pods).await?;
    deploy(&Api::default_namespaced(client)).await
}

async fn start(pods: &Api<Pod>) -> Result<()> {
    let talker = serde_json::from_value(json!({
        "metadata": {"name": "talker"},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "containers": [
                {
                    "name": "main",
                    "image": "busybox:1.28",
                    "stdin": true,
                    "command": ["sh", "-c", "echo begin; while read line; do echo you said $line; done"],
                },
                {"name": "nginx", "image": "nginx:1.19"},
            ],
        },
    }))?;
    pods.create(&PostParams::default(), &talker).await?;
    let is_ready = |pod: Option<&Pod>| {
        let status = pod.and_then(|pod| pod.status.as_ref());
        let conditions = status.and_then(|status| status.conditions.as_ref());
        let mut conditions = conditions.into_iter().flatten();
        conditions.any(|condition| condition.type_ == "Ready" && condition.status == "True")
    };
    let ready = await_condition(pods.clone(), "talker", is_ready);
    let pod = timeout(LIMIT, ready).await??.context("a Pod")?;
    println!("ready: {}", pod.name_any());
    Ok(())
}

async fn read(stream: Option<impl AsyncRead + Unpin>) -> Result<String> {
    let mut text = String::new();
    stream
        .context("a stream")?
        .read_to_string(&mut text)
        .await?;
    Ok(text.trim().to_owned())
}

async fn execute(pods: &Api<Pod>) -> Result<()> {
    let streams = AttachParams::default().container("main");
    let mut hello = pods.exec("talker", ["echo", "hello"], &streams).await?;
    println!("exec: {}", read(hello.stdout()).await?);
    hello.join().await?;

    let script = ["sh", "-c", "read word; echo $word; echo no >&2; exit 7"];
    let mut shell = pods.exec("talker", script, &streams.stdin(true)).await?;
    let mut stdin = shell.stdin().context("an input")?;
    stdin.write_all(b"typed\n").await?;
    let (stdout, stderr, status) = (shell.stdout(), shell.stderr(), shell.take_status());
    let (stdout, stderr) = tokio::try_join!(read(stdout), read(stderr))?;
    let status = status.context("an end")?.await.context("a status")?;
    println!("stdout: {stdout}");
    println!("stderr: {stderr}");
    let causes = status.details.and_then(|details| details.causes);
    let code = causes
        .into_iter()
        .flatten()
        .next()
        .and_then(|cause| cause.message);
    println!("exit code: {}", code.unwrap_or_default());
    Ok(())
}

/// Reads the log while the container is talked to.
async fn follow(pods: &Api<Pod>) -> Result<()> {
    let main = LogParams {
        container: Some("main".to_owned()),
        ..LogParams::default()
    };
    let following = LogParams {
        follow: true,
        ..main.clone()
    };
    let mut lines = pods.log_stream("talker", &following).await?.lines();
    println!("followed: {}", lines.try_next().await?.context("a line")?);
    let streams = AttachParams::default().container("main").stdin(true);
    let mut attached = pods.attach("talker", &streams).await?;
    attached
        .stdin()
        .context("an input")?
        .write_all(b"hi\n")
        .await?;
    println!("followed: {}", lines.try_next().await?.context("a line")?);
    attached.abort();
    let last = LogParams {
        tail_lines: Some(1),
        ..main
    };
    println!("log: {}", pods.logs("talker", &last).await?.trim());
    Ok(())
}

async fn forward(pods: &Api<Pod>) -> Result<()> {
    let mut ports = pods.portforward("talker", &[80]).await?;
    let mut nginx = ports.take_stream(80).context("a stream")?;
    nginx.write_all(REQUEST).await?;
    let answer = read(Some(nginx)).await?;
    println!(
        "forwarded: {}",
        answer.split_whitespace().last().unwrap_or_default()
    );
    ports.abort();
    Ok(())
}

async fn evict(pods: &Api<Pod>) -> Result<()> {
    let listed = pods.list(&ListParams::default()).await?;
    pods.evict("talker", &EvictParams::default()).await?;
    let since = listed.metadata.resource_version.context("a version")?;
    let watch = WatchParams::default().timeout(60);
    let mut events = pin!(pods.watch(&watch, &since).await?);
    while let Some(event) = events.try_next().await? {
        if let WatchEvent::Deleted(pod) = event {
            println!("evicted: {}", pod.name_any());
            break;
        }
    }
    Ok(())
}

async fn deploy(deployments: &Api<Deployment>) -> Result<()> {
    let labels = json!({"app": "web"});
    let containers = json!([{"name": "nginx", "image": "nginx:1.19"}]);
    let web = serde_json::from_value(json!({
        "metadata": {"name": "web"},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": containers}},
        },
    }))?;
    deployments.create(&PostParams::default(), &web).await?;
    wait_for_replicas(deployments, 1).await?;
    let two = Patch::Merge(json!({"spec": {"replicas": 2}}));
    let scale = deployments
        .patch_scale("web", &PatchParams::default(), &two)
        .await?;
    let wanted = scale
        .spec
        .and_then(|spec| spec.replicas)
        .unwrap_or_default();
    let selector = scale.status.and_then(|status| status.selector);
    println!("scale: {wanted} {}", selector.unwrap_or_default());
    wait_for_replicas(deployments, 2).await?;
    deployments
        .delete("web", &DeleteParams::background())
        .await?;
    Ok(())
}

async fn wait_for_replicas(deployments: &Api<Deployment>, count: i32) -> Result<()> {
    let has = move |web: Option<&Deployment>| {
        let status = web.and_then(|web| web.status.as_ref());
        status.and_then(|status| status.ready_replicas) == Some(count)
    };
    timeout(LIMIT, await_condition(deployments.clone(), "web", has)).await??;
    println!("ready replicas: {count}");
    Ok(())
}
