//! Rules in CEL (`x-kubernetes-validations`,
//! <https://kubernetes.io/docs/reference/using-api/cel/>), with Kubernetes' libraries.
//!
//! In: a schema with rules, compiled once; an object, and what it was. Out: the rules that it breaks, as errors of fields.

use kube_cel::{CompiledSchema, ErrorKind as Kind, ValidationError, compile_schema};
use serde_json::Value;

use crate::custom::JsonPath;
use crate::field::{Error, ErrorKind, Errors, Path};
use crate::policies::{self, Names};
use crate::stack::{OF_ANY_DEPTH, OF_KNOWN_DEPTH, on_a_stack};

/// The rules of a schema, or why there are none to judge by.
pub(crate) struct Rules(Result<CompiledSchema, String>);

impl Rules {
    /// Compiles the rules of a schema; `None` if it has none.
    pub(crate) fn of(schema: &Value) -> Option<Self> {
        has_rules(schema).then(|| Self(on_a_stack(OF_ANY_DEPTH, || compile_schema(schema))))
    }

    /// The rules that an object breaks; those about a step are judged only if there is an `old` one.
    pub(crate) fn broken(&self, object: &Value, old: Option<&Value>) -> Errors {
        let judged = self.0.as_ref().map_err(Clone::clone).and_then(|rules| {
            on_a_stack(OF_KNOWN_DEPTH, || {
                kube_cel::validate_compiled(rules, object, old)
            })
        });
        match judged {
            Ok(Ok(())) => Errors::new(),
            Ok(Err(broken)) => broken.iter().map(|broken| told(broken, object)).collect(),
            Err(words) => vec![Error::invalid(&Path::root(""), Value::Null, words)],
        }
    }
}

/// What is wrong with a rule itself, in words.
pub(crate) fn wrong_with(rule: &str) -> Option<String> {
    let names = Names {
        schema: true,
        ..Names::default()
    };
    policies::wrong_with(rule, names)
}

fn has_rules(schema: &Value) -> bool {
    match schema {
        Value::Object(fields) => {
            fields.contains_key("x-kubernetes-validations") || fields.values().any(has_rules)
        }
        Value::Array(items) => items.iter().any(has_rules),
        _ => false,
    }
}

/// `spec: Invalid value: "object": the words of the rule`
fn told(broken: &ValidationError, object: &Value) -> Error {
    let path = Path::root(&broken.field_path);
    let detail = match broken.kind {
        Kind::ValidationFailure => broken.message.clone(),
        _ => format!("{} evaluating rule: {}", broken.message, broken.rule),
    };
    let shown = type_at(&broken.field_path, object);
    let mut error = Error::invalid(&path, shown, detail);
    match broken.reason.as_deref() {
        Some("FieldValueForbidden") => (error.kind, error.value) = (ErrorKind::Forbidden, None),
        Some("FieldValueRequired") => (error.kind, error.value) = (ErrorKind::Required, None),
        Some("FieldValueDuplicate") => error.kind = ErrorKind::Duplicate,
        _ => {}
    }
    error
}

fn type_at(path: &str, object: &Value) -> &'static str {
    let path = JsonPath::parse(path).ok();
    let value = path.and_then(|path| path.first(object));
    match value {
        Some(Value::String(_)) => "string",
        Some(Value::Number(number)) if number.is_f64() => "number",
        Some(Value::Number(_)) => "integer",
        Some(Value::Bool(_)) => "boolean",
        Some(Value::Array(_)) => "array",
        _ => "object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn broken(rules: Value, spec: Value, old: Option<Value>) -> Vec<String> {
        let schema = json!({
            "type": "object",
            "properties": {"spec": {
                "type": "object",
                "properties": {
                    "min": {"type": "integer"},
                    "max": {"type": "integer"},
                    "name": {"type": "string"},
                    "list": {"type": "array", "items": {"type": "string"}},
                },
                "x-kubernetes-validations": rules,
            }},
        });
        let rules = Rules::of(&schema).unwrap();
        let old = old.map(|old| json!({"spec": old}));
        let errors = rules.broken(&json!({"spec": spec}), old.as_ref());
        errors.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn broken_rules_are_told_as_the_api_server_tells_them() {
        let order = json!({"rule": "self.min <= self.max", "message": "min must not be above max"});
        let cases = [
            (order.clone(), json!({"min": 1, "max": 2}), None, None),
            (
                order,
                json!({"min": 3, "max": 2}),
                None,
                Some(r#"spec: Invalid value: "object": min must not be above max"#),
            ),
            (
                json!({"rule": "self.min > 0"}),
                json!({"min": 0}),
                None,
                Some(r#"spec: Invalid value: "object": failed rule: self.min > 0"#),
            ),
            (
                json!({"rule": "self.min > 0", "messageExpression": "'min is ' + string(self.min)"}),
                json!({"min": 0}),
                None,
                Some(r#"spec: Invalid value: "object": min is 0"#),
            ),
            (
                json!({"rule": "self.min > 0", "message": "no", "fieldPath": ".min", "reason": "FieldValueForbidden"}),
                json!({"min": 0}),
                None,
                Some("spec.min: Forbidden: no"),
            ),
            (
                json!({"rule": "self.name == oldSelf.name", "message": "name is fixed"}),
                json!({"name": "a"}),
                None,
                None,
            ),
            (
                json!({"rule": "self.name == oldSelf.name", "message": "name is fixed"}),
                json!({"name": "a"}),
                Some(json!({"name": "b"})),
                Some(r#"spec: Invalid value: "object": name is fixed"#),
            ),
            (
                json!({"rule": "!has(self.list) || self.list.all(x, x.startsWith('a'))", "message": "only a"}),
                json!({"list": ["ab", "b"]}),
                None,
                Some(r#"spec: Invalid value: "object": only a"#),
            ),
        ];
        for (rule, spec, old, words) in cases {
            let told = broken(json!([rule]), spec, old);
            assert_eq!(told.first().map(String::as_str), words, "{rule}");
        }
    }

    #[test]
    fn a_rule_may_be_deep_but_not_bottomless() {
        let sum = |terms: usize| format!("self.min{} > 0", " + 1".repeat(terms));
        assert_eq!(wrong_with(&sum(100)), None);
        let told = broken(json!([{"rule": sum(100)}]), json!({"min": 1}), None);
        assert_eq!(told, Vec::<String>::new());
        let parentheses = format!("{}self.min > 0{}", "(".repeat(2000), ")".repeat(2000));
        for rule in [sum(2000), parentheses] {
            let words = wrong_with(&rule).unwrap_or_default();
            assert!(words.starts_with("compilation failed: "), "{words}");
        }
    }

    #[test]
    fn rules_that_are_none() {
        assert_eq!(wrong_with("self.a > 1"), None);
        assert_eq!(
            wrong_with("type(self.a) == int && self.b.all(x, x in oldSelf.b)"),
            None
        );
        assert!(
            wrong_with("other.a > 1")
                .unwrap()
                .contains("undeclared reference to 'other'")
        );
        assert!(
            wrong_with("self.a >")
                .unwrap()
                .starts_with("compilation failed: ")
        );
        assert!(Rules::of(&json!({"type": "object"})).is_none());
    }
}
