//! StatefulSets.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::common::cells::number;
use super::common::defaults::{default_to, each, ensure};
use super::common::{Field, cells, checks, describe, same};
use super::persistent_volume_claim as claim;
use super::pod_spec;
use super::workload::{self, Workload};
use crate::field::{Errors, Path};
use crate::{Column, Descriptor, Strategy, metadata, names};

const STATEFUL_SET: Workload = Workload {
    selects_for: "statefulset",
    template_of: "StatefulSet",
};

/// What of the spec may change.
const MUTABLE: [&str; 7] = [
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
];

pub(super) fn descriptor() -> Descriptor {
    Descriptor {
        short_names: describe::short("sts"),
        categories: describe::all(),
        subresources: describe::status_and_scale(),
        ..describe::namespaced(describe::APPS, "StatefulSet", "statefulsets", StatefulSet)
    }
}

pub(super) struct StatefulSet;

impl Strategy for StatefulSet {
    fn default(&self, set: &mut Value) {
        let Some(spec) = ensure(set, "spec") else {
            return;
        };
        default_to(spec, "podManagementPolicy", "OrderedReady");
        default_to(spec, "replicas", 1);
        default_to(spec, "revisionHistoryLimit", 10);
        if let Some(strategy) = ensure(spec, "updateStrategy") {
            default_strategy(strategy);
        }
        if let Some(policy) = ensure(spec, "persistentVolumeClaimRetentionPolicy") {
            default_to(policy, "whenDeleted", "Retain");
            default_to(policy, "whenScaled", "Retain");
        }
        ensure(spec, "template").map(pod_spec::default_template);
        each(spec, "volumeClaimTemplates").for_each(default_claim);
    }

    fn prepare_create(&self, set: &mut Value) {
        if set.is_object() {
            set["status"] = json!({"replicas": 0, "availableReplicas": 0});
        }
    }

    fn validate(&self, set: &Value) -> Errors {
        let mut errors = Errors::new();
        let spec = Field::root(set).get("spec");
        let templates = spec.get("volumeClaimTemplates");
        let names = templates
            .items()
            .map(|claim| claim.get("metadata").get("name").str());
        let claims: Vec<&str> = names.collect();
        policies(&spec, &mut errors);
        STATEFUL_SET.validate(&spec, &claims, &mut errors);
        checks::non_negative(&spec.get("ordinals").get("start"), &mut errors);
        for template in templates.items() {
            claim::validate_spec(&template.get("spec"), &mut errors);
        }
        errors
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Errors {
        let [new, old] = [new, old].map(|object| Field::root(object).get("spec"));
        if same(&without_mutable(new.value()), &without_mutable(old.value())) {
            return Errors::new();
        }
        let words = "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', \
                     'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and \
                     'minReadySeconds' are forbidden";
        vec![new.forbidden(words)]
    }

    fn validate_status(&self, new: &Value, old: &Value) -> Errors {
        let mut errors = Errors::new();
        let [new, old] = [new, old].map(|object| Field::root(object).get("status"));
        let counts = [
            "readyReplicas",
            "currentReplicas",
            "updatedReplicas",
            "availableReplicas",
        ];
        workload::counts(&new, &counts, &mut errors);
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
            Column::new("Ready", "string"),
            cells::age_column(),
        ];
        columns.extend(workload::template_columns());
        columns
    }

    fn cells(&self, set: &Value, now: Timestamp) -> Vec<Value> {
        let ready = number(set, "/status/readyReplicas");
        let wanted = number(set, "/spec/replicas");
        let mut cells = vec![
            cells::name(set),
            format!("{ready}/{wanted}").into(),
            cells::age(set, now),
        ];
        cells.extend(workload::template_cells(set));
        cells
    }

    /// The name becomes the host name of the Pods, so it has no dots.
    fn validate_name(&self, name: &str, path: &Path) -> Errors {
        metadata::invalid(path, name, names::dns_label(name))
    }
}

fn default_strategy(strategy: &mut Value) {
    default_to(strategy, "type", "RollingUpdate");
    if strategy["type"] != "RollingUpdate" {
        return;
    }
    if let Some(rolling) = ensure(strategy, "rollingUpdate") {
        default_to(rolling, "partition", 0);
    }
}

/// A template of claims is a whole claim, and shown as one.
fn default_claim(template: &mut Value) {
    default_to(template, "apiVersion", "v1");
    default_to(template, "kind", "PersistentVolumeClaim");
    crate::Strategy::default(&claim::PersistentVolumeClaim, template);
}

fn policies(spec: &Field<'_>, errors: &mut Errors) {
    let management = spec.get("podManagementPolicy");
    checks::required(&management, errors);
    if !matches!(management.str(), "" | "OrderedReady" | "Parallel") {
        errors.push(management.invalid("must be 'OrderedReady' or 'Parallel'"));
    }
    let strategy = spec.get("updateStrategy");
    let rolling = strategy.get("rollingUpdate");
    match strategy.get("type").str() {
        "RollingUpdate" => {
            checks::non_negative(&rolling.get("partition"), errors);
            let unavailable = rolling.get("maxUnavailable");
            workload::count_or_percent(&unavailable, errors);
            workload::at_most_all(&unavailable, errors);
            if workload::is_none(&unavailable) {
                errors.push(unavailable.invalid("cannot be 0"));
            }
        }
        "OnDelete" if rolling.is_set() => {
            errors.push(rolling.invalid("only allowed for updateStrategy 'RollingUpdate'"));
        }
        "OnDelete" => {}
        _ => errors.push(strategy.invalid("must be 'RollingUpdate' or 'OnDelete'")),
    }
    let retention = spec.get("persistentVolumeClaimRetentionPolicy");
    for when in ["whenDeleted", "whenScaled"] {
        checks::one_of(&retention.get(when), &["Delete", "Retain"], errors);
    }
}

fn without_mutable(spec: &Value) -> Value {
    let mut spec = spec.as_object().cloned().unwrap_or_default();
    spec.retain(|field, _| !MUTABLE.contains(&field.as_str()));
    spec.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::common::testing::{assert_row, create_errors, created, update_errors};

    fn set() -> Value {
        json!({
            "metadata": {"name": "web", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {
                "serviceName": "nginx",
                "selector": {"matchLabels": {"app": "web"}},
                "template": {
                    "metadata": {"labels": {"app": "web"}},
                    "spec": {"containers": [{
                        "name": "a", "image": "nginx:1.19", "volumeMounts": [{"name": "www", "mountPath": "/www"}],
                    }]},
                },
                "volumeClaimTemplates": [{
                    "metadata": {"name": "www"},
                    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
                }],
            },
        })
    }

    #[test]
    fn defaults() {
        let spec = created(&StatefulSet, &set())["spec"].clone();
        assert_eq!(spec["podManagementPolicy"], "OrderedReady");
        assert_eq!(spec["replicas"], 1);
        assert_eq!(spec["revisionHistoryLimit"], 10);
        assert_eq!(
            spec["updateStrategy"],
            json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 0}})
        );
        let retain = json!({"whenDeleted": "Retain", "whenScaled": "Retain"});
        assert_eq!(spec["persistentVolumeClaimRetentionPolicy"], retain);
        let claim = json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "www"},
            "spec": {
                "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}},
                "volumeMode": "Filesystem",
            },
            "status": {"phase": "Pending"},
        });
        assert_eq!(spec["volumeClaimTemplates"], json!([claim]));
    }

    #[test]
    fn a_stateful_set_in_the_list() {
        let row = [
            ("Name", json!("web")),
            ("Ready", json!("0/1")),
            ("Age", json!("5m")),
            ("Containers", json!("a")),
            ("Images", json!("nginx:1.19")),
        ];
        assert_row(&StatefulSet, &created(&StatefulSet, &set()), &row);
    }

    #[test]
    fn what_users_get_wrong() {
        let wrong = |change: fn(&mut Value)| {
            let mut set = set();
            change(&mut set["spec"]);
            create_errors(&StatefulSet, &set)
        };
        assert_eq!(wrong(|_| {}), [""; 0]);
        assert_eq!(
            wrong(|spec| spec["selector"]["matchLabels"]["app"] = "nginx".into()),
            [
                "spec.template.metadata.labels: Invalid value: {\"app\":\"web\"}: \
              `selector` does not match template `labels`"
            ]
        );
        assert_eq!(
            wrong(|spec| spec["podManagementPolicy"] = "Random".into()),
            [
                "spec.podManagementPolicy: Invalid value: \"Random\": must be 'OrderedReady' or 'Parallel'"
            ]
        );
        assert_eq!(
            wrong(|spec| spec["updateStrategy"] = json!({"type": "OnDelete", "rollingUpdate": {}})),
            [
                "spec.updateStrategy.rollingUpdate: Invalid value: {}: only allowed for updateStrategy 'RollingUpdate'"
            ]
        );
        assert_eq!(
            wrong(|spec| spec["volumeClaimTemplates"] = json!([])),
            ["spec.template.spec.containers[0].volumeMounts[0].name: Not found: \"www\""]
        );
    }

    #[test]
    fn what_may_change() {
        let mut new = set();
        new["spec"]["replicas"] = 4.into();
        new["spec"]["template"]["spec"]["containers"][0]["image"] = "nginx:1.20".into();
        assert_eq!(update_errors(&StatefulSet, &set(), &new), [""; 0]);
        new["spec"]["serviceName"] = "other".into();
        assert_eq!(
            update_errors(&StatefulSet, &set(), &new),
            [
                "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', \
              'template', \
              'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and \
              'minReadySeconds' are forbidden"
            ]
        );
    }

    #[test]
    fn the_name_has_no_dots() {
        assert_eq!(
            StatefulSet
                .validate_name("web.a", &Path::root("metadata"))
                .len(),
            1
        );
    }
}
