//! The texts of selectors: what they match, how they are written, what is wrong with them.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;
use crate::field::Path;

fn labels(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

#[test]
fn label_selectors_match() {
    let labels = labels(json!({ "app": "web", "tier": "front", "size": "10" }));
    let cases = [
        ("", true),
        ("app=web", true),
        ("app==web", true),
        ("app=db", false),
        ("app!=db", true),
        ("none!=db", true),
        ("app,tier", true),
        ("!app", false),
        ("!none", true),
        ("app in (web,db)", true),
        ("app in (db)", false),
        ("app notin (db)", true),
        ("none notin (db)", true),
        ("none in (db)", false),
        ("size>9,size<11", true),
        ("size>10", false),
        ("app>1", false),
        (" app = web , tier in ( front , back ) ", true),
        ("none=", false),
    ];
    for (text, matches) in cases {
        assert_eq!(
            Selector::parse(text).unwrap().matches(&labels),
            matches,
            "{text}"
        );
    }
}

#[test]
fn label_selectors_are_written_sorted() {
    let cases = [
        ("b=1,a", "a,b=1"),
        ("a == 1", "a=1"),
        ("x in (b, a)", "x in (a,b)"),
        ("x notin (a)", "x notin (a)"),
        ("! x", "!x"),
        ("x in (,a)", "x in (,a)"),
        ("n > 5", "n>5"),
        ("example.com/a=in", "example.com/a=in"),
        ("", ""),
    ];
    for (text, written) in cases {
        assert_eq!(
            Selector::parse(text).unwrap().to_string(),
            written,
            "{text}"
        );
    }
}

#[test]
fn bad_label_selectors_say_what_is_wrong() {
    let value_rule = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', \
                      and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', \
                      regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
    let name_rule = "name part must consist of alphanumeric characters, '-', '_' or '.', \
                     and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', \
                     regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
    let cases = [
        (
            "=a",
            "found '=', expected: !, identifier, or 'end of string'".to_owned(),
        ),
        ("a,", "found '', expected: identifier after ','".to_owned()),
        (
            "a=b c",
            "found 'c', expected: ',' or 'end of string'".to_owned(),
        ),
        (
            "a b",
            "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"
                .to_owned(),
        ),
        (
            "a in b",
            "unable to parse requirement: found 'b', expected: '('".to_owned(),
        ),
        (
            "a in (b",
            "unable to parse requirement: found '', expected: ',' or ')'".to_owned(),
        ),
        (
            "a in ()",
            "unable to parse requirement: values: Invalid value: []: \
             for 'in', 'notin' operators, values set can't be empty"
                .to_owned(),
        ),
        (
            "!",
            "unable to parse requirement: found '', expected: identifier".to_owned(),
        ),
        (
            "a=!",
            "unable to parse requirement: found '!', expected: identifier".to_owned(),
        ),
        (
            "a>b",
            "unable to parse requirement: values: Invalid value: [\"b\"]: \
             for 'Gt', 'Lt' operators, the value must be an integer"
                .to_owned(),
        ),
        (
            "a=-b",
            format!(
                "unable to parse requirement: values[0][a]: Invalid value: \"-b\": {value_rule}"
            ),
        ),
        (
            "-a=b",
            format!("unable to parse requirement: <nil>: Invalid value: \"-a\": {name_rule}"),
        ),
    ];
    for (text, words) in cases {
        assert_eq!(
            Selector::parse(text).unwrap_err().to_string(),
            words,
            "{text}"
        );
    }
}

#[test]
fn selector_objects_match() {
    let web = labels(json!({ "app": "web" }));
    let cases = [
        (Value::Null, false),
        (json!({}), true),
        (json!({ "matchLabels": { "app": "web" } }), true),
        (json!({ "matchLabels": { "app": "db" } }), false),
        (
            json!({ "matchExpressions": [{ "key": "app", "operator": "In", "values": ["web", "db"] }] }),
            true,
        ),
        (
            json!({ "matchExpressions": [{ "key": "app", "operator": "NotIn", "values": ["web"] }] }),
            false,
        ),
        (
            json!({ "matchExpressions": [{ "key": "app", "operator": "Exists" }] }),
            true,
        ),
        (
            json!({ "matchExpressions": [{ "key": "app", "operator": "DoesNotExist" }] }),
            false,
        ),
    ];
    for (object, matches) in cases {
        let selector =
            Selector::from_object(&object, &Path::root("spec").child("selector")).unwrap();
        assert_eq!(selector.matches(&web), matches, "{object}");
        let typed: Option<LabelSelector> = serde_json::from_value(object.clone()).unwrap();
        assert_eq!(Selector::of(typed.as_ref()).unwrap(), selector, "{object}");
    }
}

#[test]
fn bad_selector_objects_name_the_field() {
    let object = json!({
        "matchExpressions": [
            { "key": "a", "operator": "In" },
            { "key": "a", "operator": "Exists", "values": ["x"] },
            { "key": "a", "operator": "Like", "values": ["x"] },
        ],
    });
    let errors = Selector::from_object(&object, &Path::root("selector")).unwrap_err();
    let words: Vec<String> = errors.iter().map(ToString::to_string).collect();
    let expected = [
        "selector.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
        "selector.matchExpressions[1].values: Forbidden: \
         may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
        "selector.matchExpressions[2].operator: Invalid value: \"Like\": not a valid selector operator",
    ];
    assert_eq!(words, expected);
}

#[test]
fn a_map_of_labels_is_a_selector() {
    let wanted = BTreeMap::from([("app".to_owned(), "web".to_owned())]);
    let selector = Selector::from_labels(&wanted);
    assert!(selector.matches(&Some(wanted.clone())));
    assert!(!selector.matches(&None::<BTreeMap<String, String>>));
    assert!(Selector::from_labels(&BTreeMap::new()).is_everything());
}

#[test]
fn field_selectors_match() {
    let value_of = |field: &str| match field {
        "spec.nodeName" => Some("n1".to_owned()),
        "metadata.name" => Some("a=b,c\\d".to_owned()),
        _ => None,
    };
    let cases = [
        ("", true, ""),
        ("spec.nodeName=n1", true, "spec.nodeName=n1"),
        (
            "spec.nodeName==n1,status.phase!=Running",
            true,
            "spec.nodeName=n1,status.phase!=Running",
        ),
        ("spec.nodeName!=n1", false, "spec.nodeName!=n1"),
        ("status.phase=", true, "status.phase="),
        (
            r"metadata.name=a\=b\,c\\d",
            true,
            r"metadata.name=a\=b\,c\\d",
        ),
    ];
    for (text, matches, written) in cases {
        let selector = FieldSelector::parse(text).unwrap();
        assert_eq!(
            (selector.matches(value_of), selector.to_string().as_str()),
            (matches, written),
            "{text}"
        );
    }
}

#[test]
fn bad_field_selectors_say_what_is_wrong() {
    let cases = [
        ("a", "invalid selector: 'a'; can't understand 'a'"),
        (
            r"a=b\c",
            r"invalid field selector: invalid escape sequence: \c",
        ),
        (
            r"a=b\",
            r"invalid field selector: invalid escape sequence: \",
        ),
        (
            "a=b=c",
            "invalid field selector: unescaped character in value: =",
        ),
    ];
    for (text, words) in cases {
        assert_eq!(
            FieldSelector::parse(text).unwrap_err().to_string(),
            words,
            "{text}"
        );
    }
}

fn any_selector() -> impl Strategy<Value = Selector> {
    let operator = prop::sample::select(vec![
        (Operator::Equals, 1),
        (Operator::NotEquals, 1),
        (Operator::In, 3),
        (Operator::NotIn, 2),
        (Operator::Exists, 0),
        (Operator::DoesNotExist, 0),
    ]);
    let requirement = (
        "[a-z]{1,3}",
        operator,
        prop::collection::vec("[a-z0-9]{0,3}", 3),
    )
        .prop_map(|(key, (operator, count), values)| {
            Requirement::new(&key, operator, values.into_iter().take(count)).unwrap()
        });
    prop::collection::vec(requirement, 0..4).prop_map(Selector::new)
}

proptest! {
    #[test]
    fn a_selector_that_is_written_reads_the_same(selector in any_selector()) {
        prop_assert_eq!(Selector::parse(&selector.to_string()), Ok(selector));
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[a-c=!<>(), \\\\é]{0,20}|\\PC{0,20}") {
        if let Ok(selector) = Selector::parse(&text) {
            prop_assert_eq!(Selector::parse(&selector.to_string()), Ok(selector));
        }
        if let Ok(selector) = FieldSelector::parse(&text) {
            prop_assert_eq!(FieldSelector::parse(&selector.to_string()), Ok(selector));
        }
    }
}
