//! What containers, Pods and claims may not ask for.

use k8s_openapi::api::core::v1::PodSpec;
use serde::Deserialize;
use serde_json::Value;
use skiff_api::Quantity;
use skiff_api::pod_resources::{Bound, wanted};
use skiff_api::quota::{Amounts, amounts};

use super::items;

/// What is wrong with a Pod, in the words of Kubernetes.
pub(super) fn of_pod(ranges: &[Value], spec: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    for item in items(ranges, "Container") {
        for list in ["containers", "initContainers"] {
            for container in spec[list].as_array().into_iter().flatten() {
                let resources = &container["resources"];
                let requests = amounts(&resources["requests"]);
                let limits = amounts(&resources["limits"]);
                check(item, "Container", &requests, &limits, &mut wrong);
            }
        }
    }
    for item in items(ranges, "Pod") {
        let spec = PodSpec::deserialize(spec).unwrap_or_default();
        let [requests, limits] = [Bound::Request, Bound::Limit].map(|bound| wanted(&spec, bound));
        check(item, "Pod", &requests, &limits, &mut wrong);
    }
    wrong
}

/// What is wrong with a claim that asks for this.
pub(super) fn of_claim(ranges: &[Value], asked: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    let kind = "PersistentVolumeClaim";
    let asked = amounts(asked);
    for item in items(ranges, kind) {
        for (resource, bound) in amounts(&item["min"]) {
            let rule = format!("minimum {resource} usage per {kind} is {bound}");
            request_at_least(&rule, asked.get(&resource), bound, &mut wrong);
        }
        for (resource, bound) in amounts(&item["max"]) {
            let rule = format!("maximum {resource} usage per {kind} is {bound}");
            match asked.get(&resource) {
                None => wrong.push(format!("{rule}.  No request is specified")),
                Some(request) if *request > bound => {
                    wrong.push(format!("{rule}, but request is {request}"));
                }
                Some(_) => {}
            }
        }
    }
    wrong
}

fn check(item: &Value, kind: &str, requests: &Amounts, limits: &Amounts, wrong: &mut Vec<String>) {
    for (resource, bound) in amounts(&item["min"]) {
        let rule = format!("minimum {resource} usage per {kind} is {bound}");
        if request_at_least(&rule, requests.get(&resource), bound, wrong)
            && let Some(limit) = limits.get(&resource).filter(|limit| **limit < bound)
        {
            wrong.push(format!("{rule}, but limit is {limit}"));
        }
    }
    for (resource, bound) in amounts(&item["max"]) {
        let rule = format!("maximum {resource} usage per {kind} is {bound}");
        match (limits.get(&resource), requests.get(&resource)) {
            (None, _) => wrong.push(format!("{rule}.  No limit is specified")),
            (Some(limit), _) if *limit > bound => {
                wrong.push(format!("{rule}, but limit is {limit}"));
            }
            (_, Some(request)) if *request > bound => {
                wrong.push(format!("{rule}, but request is {request}"));
            }
            _ => {}
        }
    }
    for (resource, bound) in amounts(&item["maxLimitRequestRatio"]) {
        let rule = format!("{resource} max limit to request ratio per {kind} is {bound}");
        let given = |amounts: &Amounts| {
            let amount = amounts.get(&resource).copied();
            amount.filter(|amount| !amount.is_zero())
        };
        let ratio = match (given(requests), given(limits)) {
            (None, _) => {
                wrong.push(format!(
                    "{rule}, but no request is specified or request is 0"
                ));
                continue;
            }
            (_, None) => {
                wrong.push(format!("{rule}, but no limit is specified or limit is 0"));
                continue;
            }
            (Some(request), Some(limit)) => limit.as_f64() / request.as_f64(),
        };
        if ratio > bound.as_f64() {
            wrong.push(format!("{rule}, but provided ratio is {ratio:.6}"));
        }
    }
}

/// Whether the request is enough; if not, says so.
fn request_at_least(
    rule: &str,
    request: Option<&Quantity>,
    bound: Quantity,
    wrong: &mut Vec<String>,
) -> bool {
    match request {
        None => wrong.push(format!("{rule}.  No request is specified")),
        Some(request) if *request < bound => {
            wrong.push(format!("{rule}, but request is {request}"));
        }
        Some(_) => return true,
    }
    false
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn wrong(item: Value, resources: Value) -> Vec<String> {
        let ranges = [json!({"spec": {"limits": [item]}})];
        of_pod(
            &ranges,
            &json!({"containers": [{"name": "a", "resources": resources}]}),
        )
    }

    #[test]
    fn bounds_of_containers_and_pods() {
        let container = json!({"type": "Container", "min": {"cpu": "100m"}, "max": {"cpu": "1"}, "maxLimitRequestRatio": {"cpu": "2"}});
        let resources = |request: &str, limit: &str| json!({"requests": {"cpu": request}, "limits": {"cpu": limit}});
        let cases = [
            (resources("500m", "1"), vec![]),
            (
                resources("50m", "100m"),
                vec!["minimum cpu usage per Container is 100m, but request is 50m"],
            ),
            (
                resources("1", "2"),
                vec!["maximum cpu usage per Container is 1, but limit is 2"],
            ),
            (
                resources("250m", "1"),
                vec![
                    "cpu max limit to request ratio per Container is 2, but provided ratio is 4.000000",
                ],
            ),
            (
                json!({}),
                vec![
                    "minimum cpu usage per Container is 100m.  No request is specified",
                    "maximum cpu usage per Container is 1.  No limit is specified",
                    "cpu max limit to request ratio per Container is 2, but no request is specified or request is 0",
                ],
            ),
        ];
        for (resources, expected) in cases {
            assert_eq!(wrong(container.clone(), resources), expected);
        }
        let pod = json!({"type": "Pod", "max": {"cpu": "1"}});
        assert_eq!(
            wrong(pod, resources("1", "1500m")),
            ["maximum cpu usage per Pod is 1, but limit is 1500m"]
        );
    }

    #[test]
    fn bounds_of_claims() {
        let ranges = [json!({"spec": {"limits": [
            {"type": "PersistentVolumeClaim", "min": {"storage": "1Gi"}, "max": {"storage": "2Gi"}},
        ]}})];
        for (asked, expected) in [
            (json!({"storage": "1Gi"}), vec![]),
            (
                json!({"storage": "3Gi"}),
                vec!["maximum storage usage per PersistentVolumeClaim is 2Gi, but request is 3Gi"],
            ),
            (
                json!({"storage": "1Mi"}),
                vec!["minimum storage usage per PersistentVolumeClaim is 1Gi, but request is 1Mi"],
            ),
        ] {
            assert_eq!(of_claim(&ranges, &asked), expected);
        }
    }
}
