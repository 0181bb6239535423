//! `skiff restore`: an object, or a namespace with all that is in it, as it was at a revision.

use anyhow::{Context, bail, ensure};
use http::{Method, Request};
use kube::{Client, Error};
use serde_json::{Value, json};

use super::plan::{Step, plan};
use super::resource::{Resource, Target, namespaced};
use super::state::{current, list, newest};
use crate::cli::RestoreArgs;
use crate::kubeconfig;

/// What controllers write for themselves and write again.
const MADE_BY_CONTROLLERS: [&str; 5] = [
    "events",
    "events.events.k8s.io",
    "endpoints",
    "endpointslices.discovery.k8s.io",
    "leases.coordination.k8s.io",
];
/// What others refer to, and so comes before them.
const FIRST: [&str; 4] = [
    "serviceaccounts",
    "secrets",
    "configmaps",
    "persistentvolumeclaims",
];

/// Brings it back, and tells each step.
///
/// # Errors
/// If the revision is not kept any more, there was no such object, or a step was refused; the other steps are done.
pub(crate) async fn restore(args: RestoreArgs) -> anyhow::Result<()> {
    let client = skiff_client::from_kubeconfig(&kubeconfig::of(&args.at.data_dir), "skiff").await?;
    let target = Target::find(&client, &args.object, &args.namespace).await?;
    let newest = newest(&client, &target.resource).await?;
    ensure!(
        args.revision <= newest,
        "revision {} is yet to come: the newest is {newest}",
        args.revision
    );
    let mut work = Work {
        client,
        revision: args.revision,
        dry_run: args.dry_run,
        refused: 0,
        done: 0,
    };
    work.object(&target).await?;
    if target.resource.name() == "namespaces" {
        work.contents(&target.name).await?;
    }
    ensure!(work.refused == 0, "{} steps were refused", work.refused);
    if work.done == 0 {
        say!("{target} is as it was at revision {}", args.revision);
    }
    Ok(())
}

struct Work {
    client: Client,
    revision: u64,
    dry_run: bool,
    refused: usize,
    done: usize,
}

impl Work {
    async fn object(&mut self, target: &Target) -> anyhow::Result<()> {
        let (resource, name) = (&target.resource, Some(target.name.as_str()));
        let then = list(
            &self.client,
            resource,
            &target.namespace,
            name,
            Some(self.revision),
        )
        .await?;
        ensure!(
            !then.is_empty(),
            "there was no {target} at revision {}",
            self.revision
        );
        let now = current(&self.client, target).await?;
        if now
            .as_ref()
            .is_some_and(|it| it["metadata"]["deletionTimestamp"].is_string())
        {
            bail!("{target} is being deleted: try again when it is gone");
        }
        for step in plan(then, now.into_iter().collect()) {
            self.take(resource, &target.namespace, &step).await;
        }
        Ok(())
    }

    async fn contents(&mut self, namespace: &str) -> anyhow::Result<()> {
        let mut resources = namespaced(&self.client).await?;
        resources.retain(|one| !MADE_BY_CONTROLLERS.contains(&one.name().as_str()));
        resources.sort_by_key(|one| {
            FIRST
                .iter()
                .position(|it| *it == one.name())
                .unwrap_or(FIRST.len())
        });
        for resource in &resources {
            let then = list(&self.client, resource, namespace, None, Some(self.revision)).await?;
            let now = list(&self.client, resource, namespace, None, None).await?;
            for step in plan(then, now) {
                self.take(resource, namespace, &step).await;
            }
        }
        Ok(())
    }

    async fn take(&mut self, resource: &Resource, namespace: &str, step: &Step) {
        let object = format!("{}/{}", resource.name(), step.name());
        let deed = match step {
            Step::Create(_) => "create",
            Step::Update(_) => "change back",
            Step::Delete(_) => "delete",
        };
        let done = match self.dry_run {
            true => Ok(()),
            false => self.write(resource, namespace, step).await,
        };
        match done {
            Ok(()) => {
                self.done += 1;
                let would = if self.dry_run { "would " } else { "" };
                say!("{would}{deed} {object}");
            }
            Err(error) => {
                self.refused += 1;
                eprintln!("skiff: {deed} {object}: {error:#}");
            }
        }
    }

    async fn write(&self, resource: &Resource, namespace: &str, step: &Step) -> anyhow::Result<()> {
        let all = resource.path(namespace);
        let one = format!("{all}/{}", step.name());
        let (method, path, body) = match step {
            Step::Create(object) => (Method::POST, all, object.clone()),
            Step::Update(object) => (Method::PUT, one, object.clone()),
            Step::Delete(object) => (Method::DELETE, one, deletion(object)),
        };
        let request = Request::builder()
            .method(method)
            .uri(format!("{path}?fieldManager=skiff-restore"))
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(serde_json::to_vec(&body)?)
            .context("the request")?;
        match self.client.request::<Value>(request).await {
            // The account and the CA that every new namespace gets.
            Err(Error::Api(status))
                if status.reason == "AlreadyExists" && matches!(step, Step::Create(_)) =>
            {
                Ok(())
            }
            Err(Error::Api(status)) => bail!("{}", status.message),
            Err(error) => Err(error.into()),
            Ok(_) => Ok(()),
        }
    }
}

/// Of this very object, as it was seen.
fn deletion(object: &Value) -> Value {
    let metadata = &object["metadata"];
    json!({
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "propagationPolicy": "Background",
        "preconditions": {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]},
    })
}
