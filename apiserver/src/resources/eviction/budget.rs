//! What a PodDisruptionBudget says to the eviction of a Pod (`checkAndDecrement` of Kubernetes): pure.

use serde_json::{Value, json};
use skiff_api::field::Path;
use skiff_api::{Selector, metadata};

use crate::resources::conditions::set_condition;

/// So many evictions may be under way that the controller has not seen yet.
const MAX_DISRUPTED_PODS: usize = 2000;
/// When to try again while the controller has not looked at the budget yet.
const UNSEEN_RETRY_SECONDS: u32 = 10;

/// Why a Pod may not go now.
#[derive(Debug, PartialEq)]
pub(super) struct Refusal {
    pub(super) why: String,
    /// When to try again, where that is known.
    pub(super) retry_after_seconds: Option<u32>,
}

/// Whether the budget is about the Pod.
pub(super) fn covers(budget: &Value, pod: &Value) -> bool {
    let selector = &budget["spec"]["selector"];
    selector.is_object()
        && Selector::from_object(selector, &Path::root("spec"))
            .is_ok_and(|selector| selector.matches(&metadata::labels(pod)))
}

/// The budget after the Pod has gone.
pub(super) fn disrupted(budget: &Value, pod: &Value, now: &str) -> Result<Value, Refusal> {
    let count = |field: &str| budget["status"][field].as_i64().unwrap_or(0);
    if !is_ready(pod) && may_go_unready(budget) {
        return Ok(budget.clone());
    }
    let name = metadata::name(budget);
    let refusal = |why: String, retry_after_seconds| {
        Err(Refusal {
            why,
            retry_after_seconds,
        })
    };
    if count("observedGeneration") < metadata::generation(budget) {
        let why = format!("The disruption budget {name} is still being processed by the server.");
        return refusal(why, Some(UNSEEN_RETRY_SECONDS));
    }
    let under_way = budget["status"]["disruptedPods"].as_object();
    if under_way.is_some_and(|pods| pods.len() > MAX_DISRUPTED_PODS) {
        let why = "DisruptedPods map too big - too many evictions not confirmed by PDB controller";
        return refusal(why.to_owned(), None);
    }
    let allowed = count("disruptionsAllowed");
    if allowed <= 0 {
        let why = match failed_sync(budget) {
            Some(message) => format!(
                "The disruption budget {name} does not allow evicting pods currently because it failed sync: {message}"
            ),
            None => format!(
                "The disruption budget {name} needs {} healthy pods and has {} currently",
                count("desiredHealthy"),
                count("currentHealthy")
            ),
        };
        return refusal(why, None);
    }
    let mut after = budget.clone();
    after["status"]["disruptionsAllowed"] = (allowed - 1).into();
    after["status"]["disruptedPods"][metadata::name(pod)] = now.into();
    if allowed == 1 {
        let condition = json!({
            "type": "DisruptionAllowed",
            "status": "False",
            "reason": "InsufficientPods",
            "message": "",
            "observedGeneration": metadata::generation(budget),
            "lastTransitionTime": now,
        });
        set_condition(&mut after, condition);
    }
    Ok(after)
}

fn is_ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array();
    let mut conditions = conditions.into_iter().flatten();
    conditions.any(|one| one["type"] == "Ready" && one["status"] == "True")
}

/// Whether a Pod that serves nobody may go whatever is left (KEP-3017).
fn may_go_unready(budget: &Value) -> bool {
    let count = |field: &str| budget["status"][field].as_i64().unwrap_or(0);
    budget["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow"
        || (count("desiredHealthy") > 0 && count("currentHealthy") >= count("desiredHealthy"))
}

fn failed_sync(budget: &Value) -> Option<&str> {
    let conditions = budget["status"]["conditions"].as_array();
    let mut conditions = conditions.into_iter().flatten();
    let failed = conditions
        .find(|one| one["type"] == "DisruptionAllowed" && one["reason"] == "SyncFailed")?;
    failed["message"].as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(allowed: i64, healthy: i64) -> Value {
        json!({
            "metadata": {"name": "web", "generation": 1},
            "spec": {"selector": {"matchLabels": {"app": "web"}}},
            "status": {
                "observedGeneration": 1, "disruptionsAllowed": allowed,
                "desiredHealthy": 2, "currentHealthy": healthy,
            },
        })
    }

    fn pod(ready: &str) -> Value {
        json!({
            "metadata": {"name": "web-1", "labels": {"app": "web"}},
            "status": {"conditions": [{"type": "Ready", "status": ready}]},
        })
    }

    #[test]
    fn a_budget_is_spent_until_nothing_is_left() {
        let pod = pod("True");
        assert!(covers(&budget(1, 3), &pod));
        let after = disrupted(&budget(1, 3), &pod, "now").unwrap();
        assert_eq!(after["status"]["disruptionsAllowed"], 0);
        assert_eq!(after["status"]["disruptedPods"], json!({"web-1": "now"}));
        assert_eq!(
            after["status"]["conditions"][0]["reason"],
            "InsufficientPods"
        );
        let refusal = disrupted(&after, &pod, "now").unwrap_err();
        assert_eq!(
            refusal.why,
            "The disruption budget web needs 2 healthy pods and has 3 currently"
        );
        let mut changed = budget(1, 3);
        changed["metadata"]["generation"] = json!(2);
        let refusal = disrupted(&changed, &pod, "now").unwrap_err();
        assert_eq!(refusal.retry_after_seconds, Some(10));
    }

    #[test]
    fn an_unready_pod_goes_if_the_others_suffice() {
        let unready = pod("False");
        assert_eq!(disrupted(&budget(0, 2), &unready, "now"), Ok(budget(0, 2)));
        assert!(disrupted(&budget(0, 1), &unready, "now").is_err());
        let mut always = budget(0, 1);
        always["spec"]["unhealthyPodEvictionPolicy"] = json!("AlwaysAllow");
        assert!(disrupted(&always, &unready, "now").is_ok());
    }
}
