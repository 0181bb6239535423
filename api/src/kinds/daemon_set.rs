//! DaemonSets.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::common::cells::number;
use super::common::defaults::{default_to, ensure};
use super::common::{Field, cells, checks, describe, same};
use super::pod_spec;
use super::workload::{self, Workload};
use crate::field::Errors;
use crate::{Column, Descriptor, Strategy, metadata};

const DAEMON_SET: Workload = Workload {
    selects_for: "daemonset",
    template_of: "DaemonSet",
};

/// Counts the changes of the template; older than `metadata.generation`, and still there.
const TEMPLATE_GENERATION: &str = "deprecated.daemonset.template.generation";

pub(super) fn descriptor() -> Descriptor {
    Descriptor {
        short_names: describe::short("ds"),
        categories: describe::all(),
        subresources: describe::status(),
        ..describe::namespaced(describe::APPS, "DaemonSet", "daemonsets", DaemonSet)
    }
}

pub(super) struct DaemonSet;

impl Strategy for DaemonSet {
    fn default(&self, set: &mut Value) {
        let Some(spec) = ensure(set, "spec") else {
            return;
        };
        default_to(spec, "revisionHistoryLimit", 10);
        if let Some(strategy) = ensure(spec, "updateStrategy") {
            default_strategy(strategy);
        }
        ensure(spec, "template").map(pod_spec::default_template);
    }

    fn prepare_create(&self, set: &mut Value) {
        if set.is_object() {
            set["status"] = json!({
                "currentNumberScheduled": 0, "numberMisscheduled": 0, "desiredNumberScheduled": 0, "numberReady": 0,
            });
            set_template_generation(set, 1);
        }
    }

    fn prepare_update(&self, new: &mut Value, old: &Value) {
        let before = template_generation(old);
        let changed = !same(&new["spec"]["template"], &old["spec"]["template"]);
        let wanted = template_generation(new).max(before);
        let generation = match changed && wanted == before {
            true => before + 1,
            false => wanted,
        };
        set_template_generation(new, generation);
    }

    fn validate(&self, set: &Value) -> Errors {
        let mut errors = Errors::new();
        let spec = Field::root(set).get("spec");
        DAEMON_SET.validate(&spec, &[], &mut errors);
        strategy(&spec.get("updateStrategy"), &mut errors);
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
        let counts = [
            "currentNumberScheduled",
            "numberMisscheduled",
            "desiredNumberScheduled",
            "numberReady",
            "observedGeneration",
            "updatedNumberScheduled",
            "numberAvailable",
            "numberUnavailable",
        ];
        checks::all_non_negative(&new, &counts, &mut errors);
        workload::collisions(&new, &old, &mut errors);
        errors
    }

    fn warnings(&self, set: &Value) -> Vec<String> {
        let template = Field::root(set).get("spec").get("template");
        pod_spec::warnings(&template.get("spec"))
    }

    fn columns(&self) -> Vec<Column> {
        let mut columns = vec![
            cells::name_column(),
            Column::new("Desired", "integer"),
            Column::new("Current", "integer"),
            Column::new("Ready", "integer"),
            Column::new("Up-to-date", "integer"),
            Column::new("Available", "integer"),
            Column::new("Node Selector", "string"),
            cells::age_column(),
        ];
        columns.extend(workload::template_columns());
        columns.push(Column::wide("Selector", "string"));
        columns
    }

    fn cells(&self, set: &Value, now: Timestamp) -> Vec<Value> {
        let counts = [
            "desiredNumberScheduled",
            "currentNumberScheduled",
            "numberReady",
            "updatedNumberScheduled",
            "numberAvailable",
        ];
        let mut cells = vec![cells::name(set)];
        cells.extend(counts.map(|count| number(set, &format!("/status/{count}")).into()));
        cells.push(cells::labels(&set["spec"]["template"]["spec"]["nodeSelector"]).into());
        cells.push(cells::age(set, now));
        cells.extend(workload::template_cells(set));
        cells.push(workload::selector_cell(set));
        cells
    }
}

fn template_generation(set: &Value) -> i64 {
    let generation = metadata::annotation(set, TEMPLATE_GENERATION);
    generation
        .and_then(|text| text.parse().ok())
        .unwrap_or_default()
}

fn set_template_generation(set: &mut Value, generation: i64) {
    if let Some(annotations) =
        ensure(set, "metadata").and_then(|metadata| ensure(metadata, "annotations"))
    {
        annotations[TEMPLATE_GENERATION] = generation.to_string().into();
    }
}

fn default_strategy(strategy: &mut Value) {
    default_to(strategy, "type", "RollingUpdate");
    if strategy["type"] != "RollingUpdate" {
        return;
    }
    if let Some(rolling) = ensure(strategy, "rollingUpdate") {
        default_to(rolling, "maxUnavailable", 1);
        default_to(rolling, "maxSurge", 0);
    }
}

fn strategy(strategy: &Field<'_>, errors: &mut Errors) {
    let kind = strategy.get("type");
    checks::one_of(&kind, &["OnDelete", "RollingUpdate"], errors);
    if kind.str() != "RollingUpdate" {
        return;
    }
    let rolling = strategy.get("rollingUpdate");
    let (unavailable, surge) = (rolling.get("maxUnavailable"), rolling.get("maxSurge"));
    for field in [&unavailable, &surge] {
        workload::count_or_percent(field, errors);
        workload::at_most_all(field, errors);
    }
    match (workload::is_none(&unavailable), workload::is_none(&surge)) {
        (false, false) => {
            errors.push(surge.invalid("may not be set when maxUnavailable is non-zero"));
        }
        (true, true) => errors.push(unavailable.required("cannot be 0 when maxSurge is 0")),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::common::testing::{assert_row, create_errors, created, updated};

    fn set() -> Value {
        json!({
            "metadata": {"name": "agent", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {
                "selector": {"matchLabels": {"app": "agent"}},
                "template": {
                    "metadata": {"labels": {"app": "agent"}},
                    "spec": {"nodeSelector": {"disk": "fast"}, "containers": [{"name": "a", "image": "busybox:1.28"}]},
                },
            },
        })
    }

    #[test]
    fn defaults() {
        let object = created(&DaemonSet, &set());
        assert_eq!(
            object["spec"]["updateStrategy"],
            json!({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}})
        );
        assert_eq!(object["spec"]["revisionHistoryLimit"], 10);
        let row = [
            ("Name", json!("agent")),
            ("Desired", json!(0)),
            ("Current", json!(0)),
            ("Ready", json!(0)),
            ("Up-to-date", json!(0)),
            ("Available", json!(0)),
            ("Node Selector", json!("disk=fast")),
            ("Age", json!("5m")),
            ("Containers", json!("a")),
            ("Images", json!("busybox:1.28")),
            ("Selector", json!("app=agent")),
        ];
        assert_row(&DaemonSet, &object, &row);
    }

    #[test]
    fn what_users_get_wrong() {
        let wrong = |rolling: Value| {
            let mut set = set();
            set["spec"]["updateStrategy"] = json!({"rollingUpdate": rolling});
            create_errors(&DaemonSet, &set)
        };
        let at = "spec.updateStrategy.rollingUpdate";
        assert_eq!(
            wrong(json!({"maxUnavailable": 0, "maxSurge": "10%"})),
            [""; 0]
        );
        assert_eq!(
            wrong(json!({"maxSurge": 1})),
            [format!(
                "{at}.maxSurge: Invalid value: 1: may not be set when maxUnavailable is non-zero"
            )]
        );
        assert_eq!(
            wrong(json!({"maxUnavailable": 0})),
            [format!(
                "{at}.maxUnavailable: Required value: cannot be 0 when maxSurge is 0"
            )]
        );
    }

    #[test]
    fn changes_of_the_template_are_counted() {
        let generation = |object: &Value| template_generation(object);
        assert_eq!(generation(&created(&DaemonSet, &set())), 1);
        let mut new = set();
        new["spec"]["minReadySeconds"] = 5.into();
        assert_eq!(generation(&updated(&DaemonSet, &set(), &new)), 1);
        new["spec"]["template"]["spec"]["containers"][0]["image"] = "busybox:1.29".into();
        assert_eq!(generation(&updated(&DaemonSet, &set(), &new)), 2);
    }
}
