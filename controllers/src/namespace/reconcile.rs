//! One namespace: empties it and lets it go.

use futures::future::join_all;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::PostParams;
use kube::{Api, ResourceExt};
use skiff_client::{Informer, Next, ObjectKey};

use super::conditions::conditions;
use super::pages;
use super::plan::{Remaining, finalized, is_due, stages};
use crate::context::Context;
use crate::resources::{Deletions, Resource, discover};
use crate::writes::{is_gone, status_of, words};

pub(super) struct Reconciler {
    pub(super) context: Context,
    pub(super) namespaces: Informer<Namespace>,
    pub(super) deletions: Deletions,
}

impl Reconciler {
    pub(super) async fn reconcile(&self, key: ObjectKey) -> anyhow::Result<Next> {
        let Some(namespace) = self
            .namespaces
            .get(&key)
            .filter(|namespace| is_due(namespace))
        else {
            self.deletions.forget(&key.name);
            return Ok(Next::Done);
        };
        // From here on, whatever goes wakes this namespace again.
        self.deletions.await_in(&key.name);
        let resources = discover(&self.context.client).await?;
        let resources = resources
            .into_iter()
            .filter(|resource| resource.namespaced)
            .collect();
        for stage in stages(resources, |resource| resource.display_name() == "pods") {
            let (remaining, failures) = self.empty(&key.name, &stage).await?;
            if !remaining.is_empty() || !failures.is_empty() {
                self.report(&namespace, &remaining, &failures).await?;
                anyhow::ensure!(failures.is_empty(), "{}", failures.join(", "));
                return Ok(Next::Done);
            }
        }
        self.finalize(&namespace).await?;
        self.deletions.forget(&key.name);
        Ok(Next::Done)
    }

    /// Deletes all objects of these resources; says what is left and what was refused.
    async fn empty(
        &self,
        namespace: &str,
        resources: &[Resource],
    ) -> kube::Result<(Vec<Remaining>, Vec<String>)> {
        let emptied = join_all(
            resources
                .iter()
                .map(|resource| self.empty_one(namespace, resource)),
        )
        .await;
        let (mut remaining, mut failures) = (Vec::new(), Vec::new());
        for outcome in emptied {
            match outcome {
                Ok(left) if left.count > 0 => remaining.push(left),
                Ok(_) => {}
                Err(error) if status_of(&error).is_some() => failures.push(words(&error)),
                Err(error) => return Err(error),
            }
        }
        Ok((remaining, failures))
    }

    async fn empty_one(&self, namespace: &str, resource: &Resource) -> kube::Result<Remaining> {
        let objects = resource.objects(&self.context.client, namespace);
        let mut left = pages::look(&objects).await?;
        if left.untouched {
            pages::delete(&objects).await?;
            left = pages::look(&objects).await?;
        }
        Ok(Remaining {
            resource: format!("{}.{}", resource.api.plural, resource.api.group),
            count: left.count,
            finalizers: left.finalizers,
        })
    }

    /// Writes the conditions if they have changed.
    async fn report(
        &self,
        namespace: &Namespace,
        remaining: &[Remaining],
        failures: &[String],
    ) -> kube::Result<()> {
        let mut status = namespace.status.clone().unwrap_or_default();
        status.conditions = Some(conditions(namespace, remaining, failures, Timestamp::now()));
        if namespace.status.as_ref() == Some(&status) {
            return Ok(());
        }
        let updated = Namespace {
            status: Some(status),
            ..namespace.clone()
        };
        let api: Api<Namespace> = Api::all(self.context.client.clone());
        let written = api
            .replace_status(&namespace.name_any(), &PostParams::default(), &updated)
            .await?;
        self.context.caught_up(&self.namespaces, &written).await;
        Ok(())
    }

    async fn finalize(&self, namespace: &Namespace) -> kube::Result<()> {
        let api: Api<Namespace> = Api::all(self.context.client.clone());
        let finalized = finalized(namespace);
        let name = namespace.name_any();
        match api
            .replace_subresource("finalize", &name, &PostParams::default(), &finalized)
            .await
        {
            Err(error) if !is_gone(&error) => Err(error),
            _ => Ok(()),
        }
    }
}
