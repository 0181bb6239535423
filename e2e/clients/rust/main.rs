//! What users of kube-rs write, in small: `kube_rs FLOW` does what its file says and prints what it sees.

mod custom_resources;
mod forgetting;
mod in_cluster;
mod leading;
mod objects;
mod pods;
mod watching;

use std::env;

use anyhow::{Context, Result, bail};
use kube::Client;
use kube::runtime::watcher;

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = env::args().skip(1);
    let flow = arguments.next().context("name a flow")?;
    if flow == "in_cluster" {
        return in_cluster::run().await;
    }
    let client = Client::try_default().await?;
    match flow.as_str() {
        "objects" => objects::run(client).await,
        "custom_resources" => custom_resources::run(client).await,
        "watching" => watching::run(client, watcher::Config::default().page_size(1)).await,
        "watching_streamed" => {
            watching::run(client, watcher::Config::default().streaming_lists()).await
        }
        "forgetting" => forgetting::run(client).await,
        "leading" => leading::run(client, &arguments.next().context("name a candidate")?).await,
        "pods" => pods::run(client).await,
        other => bail!("there is no flow {other}"),
    }
}

/// The reason why the server refuses.
fn refused<T>(answer: Result<T, kube::Error>) -> Result<String> {
    match answer {
        Ok(_) => Ok("not refused".to_owned()),
        Err(kube::Error::Api(status)) => Ok(status.reason),
        Err(error) => Err(error.into()),
    }
}
