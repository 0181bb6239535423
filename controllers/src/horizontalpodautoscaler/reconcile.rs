//! One autoscaler: looks, scales, reports.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::autoscaling::v1::Scale;
use k8s_openapi::api::autoscaling::v2::{
    HorizontalPodAutoscaler, HorizontalPodAutoscalerSpec, HorizontalPodAutoscalerStatus,
};
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::{Patch, PatchParams, PostParams};
use kube::core::{DynamicObject, GroupVersionKind, Request};
use kube::{Api, Resource, ResourceExt};
use serde_json::json;
use skiff_api::Selector;
use skiff_client::EventType::{Normal, Warning};
use skiff_client::{Informer, Next, ObjectKey, Recorder};
use tokio::time::Instant;

use super::behavior::{Bounds, allowed};
use super::conditions::Conditions;
use super::memory::Memories;
use super::metric::View;
use super::proposal::{Wish, propose};
use super::ratio::Counts;
use super::readings::{Source, read};
use super::tolerance::Tolerance;
use crate::context::Context;
use crate::resources::resource_of;
use crate::writes::words;

/// How often each autoscaler is looked at (kube-controller-manager's `--horizontal-pod-autoscaler-sync-period`).
const PERIOD: Duration = Duration::from_secs(15);

pub(super) struct Reconciler {
    pub(super) context: Context,
    pub(super) autoscalers: Informer<HorizontalPodAutoscaler>,
    pub(super) memories: std::sync::Arc<Memories>,
    pub(super) recorder: Recorder,
}

/// One look at an autoscaler.
struct Look<'a> {
    key: &'a ObjectKey,
    autoscaler: &'a HorizontalPodAutoscaler,
    spec: &'a HorizontalPodAutoscalerSpec,
    object: ObjectReference,
    conditions: Conditions,
    status: HorizontalPodAutoscalerStatus,
}

/// A count that is wanted, and why.
struct Decision {
    replicas: i32,
    reason: String,
}

impl Reconciler {
    pub(super) async fn reconcile(&self, key: ObjectKey) -> anyhow::Result<Next> {
        let Some(autoscaler) = self.autoscalers.get(&key) else {
            return Ok(Next::Done);
        };
        let status = autoscaler.status.clone().unwrap_or_default();
        let mut look = Look {
            key: &key,
            autoscaler: &autoscaler,
            spec: &autoscaler.spec,
            object: autoscaler.object_ref(&()),
            conditions: Conditions::new(status.conditions.as_deref(), Timestamp::now()),
            status,
        };
        self.look(&mut look).await;
        self.report(look).await?;
        Ok(Next::After(PERIOD))
    }

    async fn look(&self, look: &mut Look<'_>) {
        look.status.observed_generation = look.autoscaler.metadata.generation;
        let (targets, scale) = match self.scale(look).await {
            Ok(found) => found,
            Err(why) => return self.no_scale(look, &why),
        };
        let message = "the HPA controller was able to get the target's current scale";
        look.conditions
            .set("AbleToScale", true, "SucceededGetScale", message);
        let current = scale
            .spec
            .as_ref()
            .and_then(|spec| spec.replicas)
            .unwrap_or(0);
        look.status.current_replicas = Some(current);
        let Some(decision) = self.decide(look, &scale, current).await else {
            return;
        };
        look.status.desired_replicas = decision.replicas;
        if decision.replicas != current {
            self.rescale(look, &targets, current, decision).await;
        }
    }

    fn no_scale(&self, look: &mut Look<'_>, why: &str) {
        let message =
            format!("the HPA controller was unable to get the target's current scale: {why}");
        let reason = "FailedGetScale";
        self.recorder.event(&look.object, Warning, reason, why);
        look.conditions.set("AbleToScale", false, reason, message);
    }

    /// What the count should be; `None` if that cannot be told, or nothing is to be done.
    async fn decide(&self, look: &mut Look<'_>, scale: &Scale, current: i32) -> Option<Decision> {
        let (least, most) = (look.spec.min_replicas.unwrap_or(1), look.spec.max_replicas);
        let bound = |replicas, reason: &str| {
            let reason = reason.to_owned();
            Some(Decision { replicas, reason })
        };
        if current == 0 {
            let message = "scaling is disabled since the replica count of the target is zero";
            look.conditions
                .set("ScalingActive", false, "ScalingDisabled", message);
            look.status.desired_replicas = current;
            return None;
        }
        if current > most {
            return bound(most, "Current number of replicas above Spec.MaxReplicas");
        }
        if current < least {
            return bound(least, "Current number of replicas below Spec.MinReplicas");
        }
        let wish = self.wish(look, scale, current).await?;
        let now = Instant::now();
        self.memories.recommended(look.key, now, wish.replicas);
        let bounds = Bounds {
            current,
            least,
            most,
        };
        let memory = self.memories.get(look.key);
        let behavior = look.spec.behavior.as_ref();
        let allowed = allowed(wish.replicas, bounds, behavior, &memory, now);
        let (reason, message) = allowed
            .stabilized
            .unwrap_or(("ReadyForNewScale", "recommended size matches current size"));
        look.conditions.set("AbleToScale", true, reason, message);
        match allowed.limited {
            Some((reason, message)) => look.conditions.set("ScalingLimited", true, reason, message),
            None => look.conditions.set(
                "ScalingLimited",
                false,
                "DesiredWithinRange",
                "the desired count is within the acceptable range",
            ),
        }
        let reason = if allowed.replicas > current {
            format!("{} above target", wish.metric)
        } else {
            "All metrics below target".to_owned()
        };
        Some(Decision {
            replicas: allowed.replicas,
            reason,
        })
    }

    /// What the metrics want, if they say enough.
    async fn wish(&self, look: &mut Look<'_>, scale: &Scale, current: i32) -> Option<Wish> {
        let status = scale.status.as_ref();
        let selector = status.and_then(|status| status.selector.as_deref());
        let selector = selector.unwrap_or_default();
        let parsed = self.selector(look, selector)?;
        let namespace = &look.key.namespace;
        let mut pods: Vec<_> = self.context.pods.all.list_in(namespace);
        pods.retain(|pod| parsed.matches(&pod.metadata.labels.as_ref()));
        let source = Source {
            client: &self.context.client,
            namespace,
            selector,
        };
        let metrics = look.spec.metrics.as_deref().unwrap_or_default();
        let reads = read(&source, metrics).await;
        let view = View {
            namespace,
            counts: Counts {
                current,
                reported: status.map_or(0, |status| status.replicas),
                pods: &pods,
                tolerance: Tolerance::of(look.spec.behavior.as_ref()),
            },
            now: Timestamp::now(),
        };
        let proposal = propose(metrics, &reads, &view);
        look.status.current_metrics = Some(proposal.statuses);
        for failure in &proposal.failures {
            self.recorder
                .event(&look.object, Warning, failure.reason, &failure.why);
        }
        match (proposal.wish, proposal.failures.first()) {
            (Ok(wish), _) => {
                let message = format!(
                    "the HPA was able to successfully calculate a replica count from {}",
                    wish.metric
                );
                look.conditions
                    .set("ScalingActive", true, "ValidMetricFound", message);
                Some(wish)
            }
            (Err(all), first) => {
                if let Some(first) = first {
                    let why = &first.why;
                    let message = format!("the HPA was unable to compute the replica count: {why}");
                    look.conditions
                        .set("ScalingActive", false, first.reason, message);
                }
                let reason = "FailedComputeMetricsReplicas";
                self.recorder.event(&look.object, Warning, reason, &all);
                None
            }
        }
    }

    /// The Pods of the target.
    fn selector(&self, look: &mut Look<'_>, selector: &str) -> Option<Selector> {
        let (reason, why, message) = match Selector::parse(selector) {
            Ok(parsed) if !selector.is_empty() => return Some(parsed),
            Ok(_) => (
                "SelectorRequired",
                "selector is required".to_owned(),
                "the HPA target's scale is missing a selector".to_owned(),
            ),
            Err(error) => {
                let why = format!(
                    "couldn't convert selector into a corresponding internal selector object: {error}"
                );
                ("InvalidSelector", why.clone(), why)
            }
        };
        for reason in [reason, "FailedComputeMetricsReplicas"] {
            self.recorder.event(&look.object, Warning, reason, &why);
        }
        look.conditions
            .set("ScalingActive", false, "InvalidSelector", message);
        None
    }

    async fn rescale(
        &self,
        look: &mut Look<'_>,
        targets: &Api<DynamicObject>,
        current: i32,
        decision: Decision,
    ) {
        let Decision { replicas, reason } = decision;
        let name = &look.spec.scale_target_ref.name;
        let patch = json!({"spec": {"replicas": replicas}});
        let scaled = targets
            .patch_scale(name, &PatchParams::default(), &Patch::Merge(patch))
            .await;
        if let Err(error) = scaled {
            let why = words(&error);
            let message = format!("New size: {replicas}; reason: {reason}; error: {why}");
            self.recorder
                .event(&look.object, Warning, "FailedRescale", message);
            let message =
                format!("the HPA controller was unable to update the target scale: {why}");
            look.conditions
                .set("AbleToScale", false, "FailedUpdateScale", message);
            look.status.desired_replicas = current;
            return;
        }
        let message = format!("New size: {replicas}; reason: {reason}");
        self.recorder
            .event(&look.object, Normal, "SuccessfulRescale", message);
        let message =
            format!("the HPA controller was able to update the target scale to {replicas}");
        look.conditions
            .set("AbleToScale", true, "SucceededRescale", message);
        look.status.last_scale_time = Some(Time(Timestamp::now()));
        self.memories
            .stepped(look.key, Instant::now(), replicas - current);
    }

    /// The objects of the kind that is scaled, and the scale of the one that is; an error in words.
    async fn scale(&self, look: &Look<'_>) -> Result<(Api<DynamicObject>, Scale), String> {
        let target = &look.spec.scale_target_ref;
        let version = target.api_version.as_deref().unwrap_or("v1");
        let (group, version) = version.split_once('/').unwrap_or(("", version));
        let kind = GroupVersionKind::gvk(group, version, &target.kind);
        let client = &self.context.client;
        let resource = resource_of(client, &kind).await?;
        let targets: Api<DynamicObject> =
            Api::namespaced_with(client.clone(), &look.key.namespace, &resource);
        let request = Request::new(targets.resource_url())
            .get_subresource("scale", &target.name)
            .map_err(|error| error.to_string())?;
        let scale = client.request(request).await;
        Ok((targets, scale.map_err(|error| words(&error))?))
    }

    async fn report(&self, look: Look<'_>) -> kube::Result<()> {
        let mut status = look.status;
        status.conditions = Some(look.conditions.into_list());
        if look.autoscaler.status.as_ref() == Some(&status) {
            return Ok(());
        }
        let updated = HorizontalPodAutoscaler {
            status: Some(status),
            ..look.autoscaler.clone()
        };
        let api: Api<HorizontalPodAutoscaler> =
            Api::namespaced(self.context.client.clone(), &look.key.namespace);
        let written = api
            .replace_status(
                &look.autoscaler.name_any(),
                &PostParams::default(),
                &updated,
            )
            .await?;
        self.context.caught_up(&self.autoscalers, &written).await;
        Ok(())
    }
}
