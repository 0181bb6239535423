//! Which names a CustomResourceDefinition gets, and whether it is served: its conditions
//! (apiextensions.k8s.io/v1 CustomResourceDefinitionStatus).

use std::collections::HashSet;

use serde_json::{Map, Value, json};

/// The conditions and accepted names of a definition, from its own names and those that `others` have been given.
/// What else stands in its status stays.
pub fn status(definition: &Value, others: &[&Value], now: &str) -> Value {
    let (accepted, conflict) = accept(definition, others);
    let mut status = definition["status"].clone();
    if !status.is_object() {
        status = json!({});
    }
    status["acceptedNames"] = accepted;
    let named = match &conflict {
        None => ("True", "NoConflicts", "no conflicts found".to_owned()),
        Some((reason, name)) => ("False", *reason, format!("{name:?} is already in use")),
    };
    let served = if is_true(definition, "Established") || conflict.is_none() {
        (
            "True",
            "InitialNamesAccepted",
            "the initial names have been accepted".to_owned(),
        )
    } else {
        (
            "False",
            "NotAccepted",
            "not all names are accepted".to_owned(),
        )
    };
    set_condition(&mut status, "NamesAccepted", named, now);
    set_condition(&mut status, "Established", served, now);
    if let Some(approval) = approval(definition) {
        set_condition(
            &mut status,
            "KubernetesAPIApprovalPolicyConformant",
            approval,
            now,
        );
    }
    status
}

/// Whether a condition of the definition holds.
pub fn is_true(definition: &Value, condition: &str) -> bool {
    let conditions = definition["status"]["conditions"].as_array();
    conditions
        .into_iter()
        .flatten()
        .any(|known| known["type"] == condition && known["status"] == "True")
}

/// A condition's status, reason and message.
type Verdict = (&'static str, &'static str, String);

/// Writes a condition; its time changes only with its status.
pub fn set_condition(status: &mut Value, name: &str, (is, reason, message): Verdict, now: &str) {
    let conditions = match status["conditions"].take() {
        Value::Array(conditions) => conditions,
        _ => Vec::new(),
    };
    let old = conditions.iter().find(|known| known["type"] == name);
    let since = match old {
        Some(old) if old["status"] == is => old["lastTransitionTime"].clone(),
        _ => now.into(),
    };
    let new = json!({
        "type": name, "status": is, "reason": reason, "message": message, "lastTransitionTime": since,
    });
    let mut conditions = conditions;
    match conditions.iter_mut().find(|known| known["type"] == name) {
        Some(place) => *place = new,
        None => conditions.push(new),
    }
    status["conditions"] = conditions.into();
}

/// The names that the definition has from now on, and the first that another one has already.
fn accept(definition: &Value, others: &[&Value]) -> (Value, Option<(&'static str, String)>) {
    let (resources, kinds) = taken(definition, others);
    let wanted = &definition["spec"]["names"];
    let mut accepted = match &definition["status"]["acceptedNames"] {
        Value::Object(names) => names.clone(),
        _ => Map::new(),
    };
    let mut conflict = None;
    let mut give = |field: &str, free: Result<(), (&'static str, String)>| match free {
        Ok(()) => match wanted.get(field) {
            Some(name) => drop(accepted.insert(field.to_owned(), name.clone())),
            None => drop(accepted.remove(field)),
        },
        Err(taken) => drop(conflict.get_or_insert(taken)),
    };
    let single = |field: &str, taken: &HashSet<&str>, reason: &'static str| {
        let name = wanted[field].as_str().unwrap_or_default();
        if taken.contains(name) {
            Err((reason, name.to_owned()))
        } else {
            Ok(())
        }
    };
    give("plural", single("plural", &resources, "PluralConflict"));
    give(
        "singular",
        single("singular", &resources, "SingularConflict"),
    );
    let mut short = texts(&wanted["shortNames"]);
    let taken_short = short.find(|name| resources.contains(name));
    let short = taken_short.map_or(Ok(()), |name| Err(("ShortNamesConflict", name.to_owned())));
    give("shortNames", short);
    give("kind", single("kind", &kinds, "KindConflict"));
    give("listKind", single("listKind", &kinds, "ListKindConflict"));
    give("categories", Ok(()));
    (accepted.into(), conflict)
}

/// The names of resources and of kinds that other definitions of the group have.
fn taken<'a>(definition: &Value, others: &[&'a Value]) -> (HashSet<&'a str>, HashSet<&'a str>) {
    let (mut resources, mut kinds) = (HashSet::new(), HashSet::new());
    let group = &definition["spec"]["group"];
    let name = &definition["metadata"]["name"];
    let others = others
        .iter()
        .filter(|other| &other["spec"]["group"] == group && &other["metadata"]["name"] != name);
    for other in others {
        let names = &other["status"]["acceptedNames"];
        resources.extend(
            ["plural", "singular"]
                .iter()
                .filter_map(|field| names[field].as_str()),
        );
        resources.extend(texts(&names["shortNames"]));
        kinds.extend(
            ["kind", "listKind"]
                .iter()
                .filter_map(|field| names[field].as_str()),
        );
    }
    (resources, kinds)
}

fn texts(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
}

/// The annotation by which a group of Kubernetes' own says where it was approved.
pub(crate) const APPROVED: &str = "api-approved.kubernetes.io";

/// Whether a group belongs to the Kubernetes community.
pub(crate) fn is_protected(group: &str) -> bool {
    ["k8s.io", "kubernetes.io"]
        .iter()
        .any(|domain| group == *domain || group.ends_with(&format!(".{domain}")))
}

fn approval(definition: &Value) -> Option<Verdict> {
    let group = definition["spec"]["group"].as_str().unwrap_or_default();
    if !is_protected(group) {
        return None;
    }
    let approved = definition["metadata"]["annotations"][APPROVED].as_str();
    Some(match approved {
        Some(why) if why.starts_with("unapproved") => (
            "False",
            "UnapprovedAnnotation",
            format!("not approved: {why:?}"),
        ),
        Some(link) => ("True", "ApprovedAnnotation", format!("approved in {link}")),
        None => (
            "False",
            "MissingAnnotation",
            format!(
                "protected groups must have approval annotation {APPROVED:?}, see https://github.com/kubernetes/enhancements/pull/1111"
            ),
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definition(name: &str, kind: &str, short: &str) -> Value {
        json!({
            "metadata": {"name": format!("{name}.example.com")},
            "spec": {"group": "example.com", "names": {
                "plural": name, "singular": format!("one-{name}"), "kind": kind,
                "listKind": format!("{kind}List"), "shortNames": [short],
            }},
        })
    }

    fn told(status: &Value) -> Vec<String> {
        let conditions = status["conditions"].as_array().unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        conditions
            .iter()
            .map(|one| {
                let parts = ["type", "status", "reason", "message"];
                parts.map(|field| text(&one[field])).join(" ")
            })
            .collect()
    }

    #[test]
    fn free_names_are_given() {
        let first = definition("things", "Thing", "th");
        let status = status(&first, &[&first], "now");
        assert_eq!(status["acceptedNames"], first["spec"]["names"]);
        assert_eq!(
            told(&status),
            [
                "NamesAccepted True NoConflicts no conflicts found",
                "Established True InitialNamesAccepted the initial names have been accepted",
            ]
        );
    }

    #[test]
    fn a_name_is_given_once() {
        let mut first = definition("things", "Thing", "th");
        first["status"] = status(&first, &[], "now");
        let cases = [
            (definition("others", "Thing", "o"), "KindConflict \"Thing\""),
            (
                definition("others", "Other", "th"),
                "ShortNamesConflict \"th\"",
            ),
            (definition("th", "Other", "o"), "PluralConflict \"th\""),
        ];
        for (second, conflict) in cases {
            let status = status(&second, &[&first, &second], "now");
            assert_eq!(
                told(&status),
                [
                    format!("NamesAccepted False {conflict} is already in use"),
                    "Established False NotAccepted not all names are accepted".to_owned(),
                ]
            );
        }
    }

    #[test]
    fn what_is_served_stays_served() {
        let mut first = definition("things", "Thing", "th");
        first["status"] = status(&first, &[], "then");
        let mut second = definition("others", "Other", "o");
        second["status"] = status(&second, &[&first], "then");
        second["spec"]["names"]["shortNames"] = json!(["th"]);
        let status = status(&second, &[&first, &second], "now");
        assert_eq!(status["acceptedNames"]["shortNames"], json!(["o"]));
        assert_eq!(status["conditions"][1]["status"], "True");
        assert_eq!(status["conditions"][1]["lastTransitionTime"], "then");
        assert_eq!(status["conditions"][0]["lastTransitionTime"], "now");
    }
}
