//! Rules of a Pod's status, which its kubelet writes.

use crate::field::Errors;
use crate::kinds::common::Field;
use crate::kinds::common::checks;
use crate::kinds::common::net;
use crate::names;

/// What is wrong with a new status (`ValidatePodStatusUpdate`).
pub(super) fn validate(new: &Field<'_>, old: &Field<'_>) -> Errors {
    let mut errors = Errors::new();
    let (spec, old_spec) = (new.get("spec"), old.get("spec"));
    let (status, old_status) = (new.get("status"), old.get("status"));
    if spec.get("nodeName").value() != old_spec.get("nodeName").value() {
        errors.push(
            status
                .get("nodeName")
                .forbidden("may not be changed directly"),
        );
    }
    let nominated = status.get("nominatedNodeName");
    checks::name(&nominated, names::dns_subdomain, &mut errors);
    let class = status.get("qosClass");
    if class.is_set() {
        checks::immutable(&class, &old_status.get("qosClass"), &mut errors);
    }
    checks::non_negative(&status.get("observedGeneration"), &mut errors);
    for list in ["podIPs", "hostIPs"] {
        for entry in status.get(list).items() {
            let address = Field::at(entry.path().clone(), entry.get("ip").value());
            net::ip(&address, &mut errors);
        }
    }
    let policy = spec.get("restartPolicy").str();
    for list in ["containerStatuses", "initContainerStatuses"] {
        let (new, old) = (status.get(list), old_status.get(list));
        ended_stays_ended(&new, &old, policy, &spec, &mut errors);
    }
    errors
}

/// A container that ended and may not restart has ended for good.
fn ended_stays_ended(
    new: &Field<'_>,
    old: &Field<'_>,
    policy: &str,
    spec: &Field<'_>,
    errors: &mut Errors,
) {
    for before in old.items() {
        let ended = before.get("state").get("terminated");
        let failed = ended.get("exitCode").int() != Some(0);
        let may_restart = policy == "Always" || (policy == "OnFailure" && failed);
        let name = before.get("name").str();
        if !ended.is_set() || may_restart || has_own_policy(spec, name) {
            continue;
        }
        let after = new.items().find(|status| status.get("name").str() == name);
        let Some(state) = after.map(|status| status.get("state")) else {
            continue;
        };
        if !state.get("terminated").is_set() {
            errors.push(state.forbidden("may not be transitioned to non-terminated state"));
        }
    }
}

/// Whether the container says itself when it restarts (sidecars do).
fn has_own_policy(spec: &Field<'_>, name: &str) -> bool {
    let lists = ["containers", "initContainers"].map(|list| spec.get(list));
    let mut containers = lists.iter().flat_map(Field::items);
    let container = containers.find(|container| container.get("name").str() == name);
    container.is_some_and(|container| !container.get("restartPolicy").is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::kinds::common::testing::words;

    fn pod(policy: &str, state: Value) -> Value {
        json!({
            "spec": {"restartPolicy": policy, "containers": [{"name": "a"}]},
            "status": {"containerStatuses": [{"name": "a", "state": state}]},
        })
    }

    #[test]
    fn what_has_ended_does_not_run_again() {
        let refused = [
            "status.containerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state",
        ];
        let ended = |code: i64| json!({"terminated": {"exitCode": code}});
        for (policy, code, refused) in [
            ("Always", 0, &[][..]),
            ("OnFailure", 1, &[][..]),
            ("OnFailure", 0, &refused[..]),
            ("Never", 1, &refused[..]),
        ] {
            let (old, new) = (
                pod(policy, ended(code)),
                pod(policy, json!({"running": {}})),
            );
            let errors = validate(&Field::root(&new), &Field::root(&old));
            assert_eq!(words(&errors), refused, "{policy} {code}");
        }
    }

    #[test]
    fn the_node_stays() {
        let (old, new) = (json!({"spec": {}}), json!({"spec": {"nodeName": "a"}}));
        let errors = validate(&Field::root(&new), &Field::root(&old));
        assert_eq!(
            words(&errors),
            ["status.nodeName: Forbidden: may not be changed directly"]
        );
    }
}
