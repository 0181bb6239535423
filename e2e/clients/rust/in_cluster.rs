//! A program in a Pod, with the rights of its ServiceAccount.

use anyhow::{Context, Result};
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::api::{ListParams, PostParams};
use kube::{Api, Client, Config, ResourceExt};

use crate::refused;

pub(crate) async fn run() -> Result<()> {
    let client = Client::try_from(Config::incluster()?)?;
    println!("as {}", account_of(&client).await?);
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    let items = pods.list(&ListParams::default()).await?.items;
    let names: Vec<_> = items.iter().map(ResourceExt::name_any).collect();
    println!("pods: {}", names.join(" "));
    let secrets: Api<Secret> = Api::default_namespaced(client);
    println!(
        "secrets: {}",
        refused(secrets.list(&ListParams::default()).await)?
    );
    Ok(())
}

/// The name of the ServiceAccount that a client speaks as.
pub(crate) async fn account_of(client: &Client) -> Result<String> {
    let reviews: Api<SelfSubjectReview> = Api::all(client.clone());
    let review = reviews
        .create(&PostParams::default(), &SelfSubjectReview::default())
        .await?;
    let user = review.status.and_then(|status| status.user_info);
    let user = user.and_then(|user| user.username).context("a user")?;
    Ok(user.rsplit(':').next().unwrap_or_default().to_owned())
}
