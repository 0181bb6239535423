//! Deployments.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::common::cells::number;
use super::common::defaults::{default_to, ensure};
use super::common::{Field, cells, checks, describe};
use super::pod_spec;
use super::workload::{self, Workload};
use crate::field::Errors;
use crate::{Column, Descriptor, Strategy};

const DEPLOYMENT: Workload = Workload {
    selects_for: "deployment",
    template_of: "ReplicaSet",
};

pub(super) fn descriptor() -> Descriptor {
    Descriptor {
        short_names: describe::short("deploy"),
        categories: describe::all(),
        subresources: describe::status_and_scale(),
        ..describe::namespaced(describe::APPS, "Deployment", "deployments", Deployment)
    }
}

pub(super) struct Deployment;

impl Strategy for Deployment {
    fn default(&self, deployment: &mut Value) {
        let Some(spec) = ensure(deployment, "spec") else {
            return;
        };
        default_to(spec, "replicas", 1);
        default_to(spec, "revisionHistoryLimit", 10);
        default_to(spec, "progressDeadlineSeconds", 600);
        if let Some(strategy) = ensure(spec, "strategy") {
            default_strategy(strategy);
        }
        ensure(spec, "template").map(pod_spec::default_template);
    }

    fn prepare_create(&self, deployment: &mut Value) {
        if deployment.is_object() {
            deployment["status"] = json!({});
        }
    }

    fn validate(&self, deployment: &Value) -> Errors {
        let mut errors = Errors::new();
        let spec = Field::root(deployment).get("spec");
        DEPLOYMENT.validate(&spec, &[], &mut errors);
        strategy(&spec.get("strategy"), &mut errors);
        let deadline = spec.get("progressDeadlineSeconds");
        checks::non_negative(&deadline, &mut errors);
        let min_ready = spec.get("minReadySeconds").int().unwrap_or_default();
        if deadline.int().is_some_and(|seconds| seconds <= min_ready) {
            errors.push(deadline.invalid("must be greater than minReadySeconds"));
        }
        errors
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Errors {
        let mut errors = Errors::new();
        workload::selector_stays(new, old, &mut errors);
        errors
    }

    fn validate_status(&self, new: &Value, old: &Value) -> Errors {
        let mut errors = Errors::new();
        let [new, old] = [new, old].map(|object| Field::root(object).get("status"));
        let counts = ["updatedReplicas", "readyReplicas", "availableReplicas"];
        workload::counts(&new, &counts, &mut errors);
        checks::non_negative(&new.get("unavailableReplicas"), &mut errors);
        workload::collisions(&new, &old, &mut errors);
        errors
    }

    fn warnings(&self, deployment: &Value) -> Vec<String> {
        let template = Field::root(deployment).get("spec").get("template");
        pod_spec::warnings(&template.get("spec"))
    }

    fn columns(&self) -> Vec<Column> {
        let mut columns = vec![
            cells::name_column(),
            Column::new("Ready", "string"),
            Column::new("Up-to-date", "string"),
            Column::new("Available", "string"),
            cells::age_column(),
        ];
        columns.extend(workload::template_columns());
        columns.push(Column::wide("Selector", "string"));
        columns
    }

    fn cells(&self, deployment: &Value, now: Timestamp) -> Vec<Value> {
        let ready = number(deployment, "/status/readyReplicas");
        let wanted = number(deployment, "/spec/replicas");
        let mut cells = vec![
            cells::name(deployment),
            format!("{ready}/{wanted}").into(),
            number(deployment, "/status/updatedReplicas").into(),
            number(deployment, "/status/availableReplicas").into(),
            cells::age(deployment, now),
        ];
        cells.extend(workload::template_cells(deployment));
        cells.push(workload::selector_cell(deployment));
        cells
    }
}

fn default_strategy(strategy: &mut Value) {
    default_to(strategy, "type", "RollingUpdate");
    if strategy["type"] != "RollingUpdate" {
        return;
    }
    if let Some(rolling) = ensure(strategy, "rollingUpdate") {
        default_to(rolling, "maxUnavailable", "25%");
        default_to(rolling, "maxSurge", "25%");
    }
}

fn strategy(strategy: &Field<'_>, errors: &mut Errors) {
    let (kind, rolling) = (strategy.get("type"), strategy.get("rollingUpdate"));
    checks::one_of(&kind, &["Recreate", "RollingUpdate"], errors);
    if kind.str() == "Recreate" && rolling.is_set() {
        let words = "may not be specified when strategy `type` is 'Recreate'";
        errors.push(rolling.forbidden(words));
    }
    if kind.str() != "RollingUpdate" {
        return;
    }
    let (unavailable, surge) = (rolling.get("maxUnavailable"), rolling.get("maxSurge"));
    workload::count_or_percent(&unavailable, errors);
    workload::count_or_percent(&surge, errors);
    if workload::is_none(&unavailable) && workload::is_none(&surge) {
        errors.push(unavailable.invalid("may not be 0 when `maxSurge` is 0"));
    }
    workload::at_most_all(&unavailable, errors);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::common::testing::{assert_row, create_errors, created, update_errors};

    fn deployment() -> Value {
        json!({
            "metadata": {"name": "web", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {
                "selector": {"matchLabels": {"app": "web"}},
                "template": {
                    "metadata": {"labels": {"app": "web", "tier": "front"}},
                    "spec": {"containers": [{"name": "a", "image": "nginx:1.19"}, {"name": "b", "image": "busybox"}]},
                },
            },
        })
    }

    /// What is wrong with a sound Deployment after a change of its spec.
    fn wrong(change: impl FnOnce(&mut Value)) -> Vec<String> {
        let mut deployment = deployment();
        change(&mut deployment["spec"]);
        create_errors(&Deployment, &deployment)
    }

    #[test]
    fn defaults() {
        let created = created(&Deployment, &deployment());
        let mut spec = created["spec"].clone();
        let template = spec
            .as_object_mut()
            .and_then(|spec| spec.remove("template"))
            .unwrap_or_default();
        let defaulted = json!({
            "replicas": 1, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600,
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}},
            "selector": {"matchLabels": {"app": "web"}},
        });
        assert_eq!(spec, defaulted);
        assert_eq!(template["spec"]["restartPolicy"], "Always");
    }

    #[test]
    fn a_deployment_in_the_list() {
        let mut object = created(&Deployment, &deployment());
        object["status"] = json!({"replicas": 3, "readyReplicas": 2, "updatedReplicas": 3, "availableReplicas": 2});
        object["spec"]["replicas"] = 3.into();
        let row = [
            ("Name", json!("web")),
            ("Ready", json!("2/3")),
            ("Up-to-date", json!(3)),
            ("Available", json!(2)),
            ("Age", json!("5m")),
            ("Containers", json!("a,b")),
            ("Images", json!("nginx:1.19,busybox")),
            ("Selector", json!("app=web")),
        ];
        assert_row(&Deployment, &object, &row);
    }

    #[test]
    fn what_users_get_wrong() {
        assert_eq!(wrong(|_| {}), [""; 0]);
        assert_eq!(
            wrong(|spec| spec["template"]["metadata"]["labels"] = json!({"app": "other"})),
            [
                "spec.template.metadata.labels: Invalid value: {\"app\":\"other\"}: \
              `selector` does not match template `labels`"
            ]
        );
        assert_eq!(
            wrong(|spec| spec["selector"] = Value::Null),
            ["spec.selector: Required value"]
        );
        assert_eq!(
            wrong(|spec| spec["selector"] = json!({})),
            ["spec.selector: Invalid value: {}: empty selector is invalid for deployment"]
        );
        assert_eq!(
            wrong(|spec| spec["replicas"] = (-1).into()),
            ["spec.replicas: Invalid value: -1: must be greater than or equal to 0"]
        );
        assert_eq!(
            wrong(|spec| spec["template"]["spec"]["restartPolicy"] = "Never".into()),
            [
                "spec.template.spec.restartPolicy: Unsupported value: \"Never\": supported values: \"Always\""
            ]
        );
        assert_eq!(
            wrong(|spec| spec["template"]["spec"]["activeDeadlineSeconds"] = 5.into()),
            ["spec.template.spec.activeDeadlineSeconds: Forbidden: \
                 activeDeadlineSeconds in ReplicaSet is not Supported"]
        );
        assert_eq!(
            wrong(|spec| spec["progressDeadlineSeconds"] = 0.into()),
            [
                "spec.progressDeadlineSeconds: Invalid value: 0: must be greater than minReadySeconds"
            ]
        );
        assert_eq!(
            wrong(|spec| spec["strategy"] =
                json!({"type": "Recreate", "rollingUpdate": {"maxSurge": 1}})),
            [
                "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'"
            ]
        );
        assert_eq!(
            wrong(|spec| spec["strategy"] =
                json!({"rollingUpdate": {"maxSurge": 0, "maxUnavailable": "0%"}})),
            [
                "spec.strategy.rollingUpdate.maxUnavailable: Invalid value: \"0%\": may not be 0 when `maxSurge` is 0"
            ]
        );
    }

    #[test]
    fn the_selector_stays() {
        let mut new = deployment();
        new["spec"]["selector"] = json!({"matchLabels": {"tier": "front"}});
        assert_eq!(
            update_errors(&Deployment, &deployment(), &new),
            [
                "spec.selector: Invalid value: {\"matchLabels\":{\"tier\":\"front\"}}: field is immutable"
            ]
        );
    }
}
