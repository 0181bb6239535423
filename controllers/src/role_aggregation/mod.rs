//! ClusterRoles that are made of others: `admin`, `edit` and `view` get the rules of all roles that their selectors name
//! (<https://kubernetes.io/docs/reference/access-authn-authz/rbac/#aggregated-clusterroles>).

mod plan;

use std::sync::Arc;

use k8s_openapi::api::rbac::v1::ClusterRole;
use kube::api::PostParams;
use kube::{Api, ResourceExt};
use skiff_client::{Informer, Next, ObjectKey, WorkQueue};

use crate::context::Context;
use crate::writes::is_gone;

/// Keeps the rules of such roles, until shutdown.
pub(crate) async fn run(context: Context) -> anyhow::Result<()> {
    let roles: Informer<ClusterRole> = context.informers.all();
    let queue = WorkQueue::new();
    let (known, keys) = (roles.clone(), queue.clone());
    // Any role may be a part of any aggregated one, of which there are few.
    roles.on_change(move |change| {
        let aggregated = |role: &ClusterRole| role.aggregation_rule.is_some();
        let own = [change.object().clone()];
        for role in known
            .list()
            .iter()
            .chain(&own)
            .filter(|role| aggregated(role))
        {
            keys.add(ObjectKey::cluster(role.name_any()));
        }
    });
    let aggregator = Arc::new(Aggregator {
        context: context.clone(),
        roles: roles.clone(),
    });
    context
        .reconcile(
            "clusterrole-aggregation",
            roles.ready(),
            queue,
            1,
            move |key| {
                let aggregator = aggregator.clone();
                async move { aggregator.reconcile(key).await }
            },
        )
        .await
}

struct Aggregator {
    context: Context,
    roles: Informer<ClusterRole>,
}

impl Aggregator {
    async fn reconcile(&self, key: ObjectKey) -> anyhow::Result<Next> {
        let Some(role) = self.roles.get(&key) else {
            return Ok(Next::Done);
        };
        let Some(rules) = plan::rules(&role, &self.roles.list()) else {
            return Ok(Next::Done);
        };
        let mut wanted = (*role).clone();
        wanted.rules = Some(rules);
        let api: Api<ClusterRole> = Api::all(self.context.client.clone());
        match api
            .replace(&key.name, &PostParams::default(), &wanted)
            .await
        {
            Ok(written) => self.context.caught_up(&self.roles, &written).await,
            Err(error) if is_gone(&error) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(Next::Done)
    }
}
