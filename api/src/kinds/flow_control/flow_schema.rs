//! FlowSchemas.

use jiff::Timestamp;
use serde_json::Value;

use super::EXEMPT;
use crate::field::Errors;
use crate::kinds::common::cells::{items, number, or_none, text};
use crate::kinds::common::defaults::{default_nonzero, ensure};
use crate::kinds::common::{Field, cells, checks};
use crate::{Column, Strategy, metadata, names};

/// The precedence of a schema that names none.
const PRECEDENCE: i64 = 1000;
const PRECEDENCE_MAX: i64 = 10_000;

pub(super) struct FlowSchema;

impl Strategy for FlowSchema {
    fn default(&self, schema: &mut Value) {
        if let Some(spec) = ensure(schema, "spec") {
            default_nonzero(spec, "matchingPrecedence", PRECEDENCE);
        }
    }

    fn validate(&self, schema: &Value) -> Errors {
        let mut errors = Errors::new();
        let spec = Field::root(schema).get("spec");
        precedence(
            metadata::name(schema),
            &spec.get("matchingPrecedence"),
            &mut errors,
        );
        let method = spec.get("distinguisherMethod");
        if method.is_set() {
            let known = ["ByNamespace", "ByUser"];
            checks::one_of(&method.get("type"), &known, &mut errors);
        }
        let level = spec.get("priorityLevelConfiguration").get("name");
        if level.is_empty() {
            errors.push(level.required("must reference a priority level"));
        }
        checks::name(&level, names::dns_subdomain, &mut errors);
        for rule in spec.get("rules").items() {
            validate_rule(&rule, &mut errors);
        }
        errors
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            cells::name_column(),
            Column::new("PriorityLevel", "string"),
            Column::new("MatchingPrecedence", "integer"),
            Column::new("DistinguisherMethod", "string"),
            cells::age_column(),
            Column::new("MissingPL", "string"),
        ]
    }

    fn cells(&self, schema: &Value, now: Timestamp) -> Vec<Value> {
        vec![
            cells::name(schema),
            text(schema, "/spec/priorityLevelConfiguration/name").into(),
            number(schema, "/spec/matchingPrecedence").into(),
            or_none(text(schema, "/spec/distinguisherMethod/type")).into(),
            cells::age(schema, now),
            dangling(schema).into(),
        ]
    }
}

/// Whether its level is missing, `?` if nobody has looked.
fn dangling(schema: &Value) -> &str {
    let conditions = items(schema, "/status/conditions").iter();
    let mut dangling = conditions.filter(|condition| condition["type"] == "Dangling");
    dangling
        .next()
        .map_or("?", |condition| text(condition, "/status"))
}

/// The first place is that of the exempt alone.
fn precedence(name: &str, precedence: &Field<'_>, errors: &mut Errors) {
    let number = precedence.int().unwrap_or_default();
    if number == 1 && name != EXEMPT {
        let words = format!("only the schema named '{EXEMPT}' may have matchingPrecedence 1");
        errors.push(precedence.invalid(words));
    }
    if number <= 0 {
        errors.push(precedence.invalid("must be a positive value"));
    }
    if number > PRECEDENCE_MAX {
        errors.push(precedence.invalid(format!("must not be greater than {PRECEDENCE_MAX}")));
    }
}

fn validate_rule(rule: &Field<'_>, errors: &mut Errors) {
    let subjects = rule.get("subjects");
    if subjects.is_empty() {
        errors.push(subjects.required("subjects must contain at least one value"));
    }
    for subject in subjects.items() {
        validate_subject(&subject, errors);
    }
    let (resources, paths) = (rule.get("resourceRules"), rule.get("nonResourceRules"));
    if resources.len() + paths.len() == 0 {
        let words = "at least one of resourceRules and nonResourceRules has to be non-empty";
        errors.push(rule.required(words));
    }
    for rule in resources.items() {
        non_empty(&rule, &["verbs", "apiGroups", "resources"], errors);
        if rule.get("namespaces").is_empty() && !rule.get("clusterScope").is_true() {
            let words =
                "resource rules that are not cluster scoped must supply at least one namespace";
            errors.push(rule.get("namespaces").required(words));
        }
    }
    for rule in paths.items() {
        non_empty(&rule, &["verbs", "nonResourceURLs"], errors);
    }
}

fn non_empty(rule: &Field<'_>, lists: &[&str], errors: &mut Errors) {
    for name in lists {
        let list = rule.get(name);
        if list.is_empty() {
            errors.push(list.required(&format!("{name} must contain at least one value")));
        }
    }
}

/// A subject is of one kind, and says who is meant in the field of that kind alone.
fn validate_subject(subject: &Field<'_>, errors: &mut Errors) {
    const KINDS: [(&str, &str); 3] = [
        ("Group", "group"),
        ("ServiceAccount", "serviceAccount"),
        ("User", "user"),
    ];
    let kind = subject.get("kind");
    checks::one_of(&kind, &KINDS.map(|(kind, _)| kind), errors);
    for (known, field) in KINDS {
        let who = subject.get(field);
        match (kind.str() == known, who.is_set()) {
            (true, true) => checks::required(&who.get("name"), errors),
            (true, false) => {
                let words = format!("{field} is required when subject kind is '{known}'");
                errors.push(who.required(&words));
            }
            (false, true) => {
                let words = format!("{field} is forbidden when subject kind is not '{known}'");
                errors.push(who.forbidden(words));
            }
            (false, false) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::common::testing::{assert_row, create_errors, created};

    fn schema(rest: Value) -> Value {
        let mut schema = json!({
            "metadata": {"name": "batch", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"priorityLevelConfiguration": {"name": "low"}},
        });
        for (field, value) in rest.as_object().into_iter().flatten() {
            schema["spec"][field] = value.clone();
        }
        schema
    }

    #[test]
    fn a_schema_in_the_list() {
        let mut schema = created(
            &FlowSchema,
            &schema(json!({"distinguisherMethod": {"type": "ByUser"}})),
        );
        schema["status"] = json!({"conditions": [{"type": "Dangling", "status": "False"}]});
        let row = [
            ("Name", json!("batch")),
            ("PriorityLevel", json!("low")),
            ("MatchingPrecedence", json!(1000)),
            ("DistinguisherMethod", json!("ByUser")),
            ("Age", json!("5m")),
            ("MissingPL", json!("False")),
        ];
        assert_row(&FlowSchema, &schema, &row);
    }

    #[test]
    fn what_users_get_wrong() {
        let subject = json!({"kind": "User", "user": {"name": "*"}});
        let cases: [(Value, &[&str]); 4] = [
            (
                json!({"matchingPrecedence": 1}),
                &[
                    "spec.matchingPrecedence: Invalid value: 1: only the schema named 'exempt' may have matchingPrecedence 1",
                ],
            ),
            (
                json!({"distinguisherMethod": {"type": "ByFoot"}}),
                &[
                    "spec.distinguisherMethod.type: Unsupported value: \"ByFoot\": supported values: \"ByNamespace\", \"ByUser\"",
                ],
            ),
            (
                json!({"rules": [{"subjects": [subject]}]}),
                &[
                    "spec.rules[0]: Required value: at least one of resourceRules and nonResourceRules has to be non-empty",
                ],
            ),
            (
                json!({"rules": [{"subjects": [{"kind": "Group"}], "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}]}]}),
                &[
                    "spec.rules[0].subjects[0].group: Required value: group is required when subject kind is 'Group'",
                ],
            ),
        ];
        for (rest, expected) in cases {
            assert_eq!(create_errors(&FlowSchema, &schema(rest)), expected);
        }
    }
}
