//! The class of Ingresses that name none.

use anyhow::Context;
use k8s_openapi::api::networking::v1::IngressClass;
use kube::{Api, Client};
use serde_json::json;
use skiff_api::ingresses::CONTROLLER;

/// Makes the class that new Ingresses get. One that is there stays as the user wants it.
pub(crate) async fn make(client: &Client, name: &str) -> anyhow::Result<()> {
    let api = Api::<IngressClass>::all(client.clone());
    let class = json!({
        "metadata": {
            "name": name,
            "annotations": {"ingressclass.kubernetes.io/is-default-class": "true"},
        },
        "spec": {"controller": CONTROLLER},
    });
    skiff_client::make(&api, &class)
        .await
        .map(drop)
        .context("the IngressClass")
}
