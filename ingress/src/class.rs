//! The class of Ingresses that name none.

use anyhow::Context;
use k8s_openapi::api::networking::v1::IngressClass;
use kube::api::PostParams;
use kube::{Api, Client};
use serde_json::json;
use skiff_api::ingresses::CONTROLLER;

/// Makes the class that new Ingresses get. One that is there stays as the user wants it.
pub(crate) async fn ensure(client: &Client, name: &str) -> anyhow::Result<()> {
    let api = Api::<IngressClass>::all(client.clone());
    let class = json!({
        "metadata": {
            "name": name,
            "annotations": {"ingressclass.kubernetes.io/is-default-class": "true"},
        },
        "spec": {"controller": CONTROLLER},
    });
    match api
        .create(&PostParams::default(), &serde_json::from_value(class)?)
        .await
    {
        Err(kube::Error::Api(status)) if status.reason == "AlreadyExists" => Ok(()),
        made => made.map(drop).context("the IngressClass"),
    }
}
