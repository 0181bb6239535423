//! What a quota's status should say.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use skiff_api::Quantity;
use skiff_api::quota::{self, Amounts};

/// The resources (`pods`, `deployments.apps`) whose objects the quota counts.
pub(super) fn counted(quota: &Value) -> BTreeSet<String> {
    let hard = quota["spec"]["hard"].as_object().into_iter().flatten();
    hard.map(|(name, _)| quota::counted_resource(name).to_owned())
        .collect()
}

/// Group and plural of a resource.
pub(super) fn parts(resource: &str) -> (&str, &str) {
    let (plural, group) = resource.split_once('.').unwrap_or((resource, ""));
    (group, plural)
}

/// The status of a quota, of these objects by their resource.
pub(super) fn status(quota: &Value, objects: &[(String, Vec<Value>)]) -> Value {
    let mut all = Amounts::new();
    for (resource, objects) in objects {
        let (group, plural) = parts(resource);
        let scoped = if group.is_empty() { plural } else { "" };
        let of_it = objects
            .iter()
            .filter(|object| quota::matches(quota, scoped, object));
        of_it.for_each(|object| quota::add(&mut all, &quota::usage(group, plural, object)));
    }
    let hard = quota["spec"]["hard"].as_object().into_iter().flatten();
    let used: Amounts = hard
        .map(|(name, _)| {
            let amount = all.get(name).copied().unwrap_or(Quantity::ZERO);
            (name.clone(), amount)
        })
        .collect();
    json!({"hard": quota["spec"]["hard"], "used": quota::to_json(&used)})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_is_counted() {
        let quota = json!({"spec": {"hard": {"pods": "9", "requests.cpu": "4", "count/deployments.apps": "2"}}});
        assert_eq!(
            counted(&quota),
            BTreeSet::from(["deployments.apps".to_owned(), "pods".to_owned()])
        );
        let pod = |phase: &str| {
            json!({"status": {"phase": phase}, "spec": {"containers": [
                {"resources": {"requests": {"cpu": "250m"}}},
            ]}})
        };
        let objects = [
            (
                "pods".to_owned(),
                vec![pod("Running"), pod("Pending"), pod("Failed")],
            ),
            ("deployments.apps".to_owned(), vec![]),
        ];
        assert_eq!(
            status(&quota, &objects)["used"],
            json!({"pods": "2", "requests.cpu": "500m", "count/deployments.apps": "0"})
        );
    }
}
