//! What policies say of requests.

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::{Reason, Schema};

/// Jane may create Pods in `default`; who asks for a ServiceAccount learns that it may do nothing.
struct Jane;

impl Authority for Jane {
    fn decide(&self, question: &Question) -> (bool, String) {
        let wanted = Question {
            verb: "create".into(),
            resource: "pods".into(),
            namespace: "default".into(),
            ..Question::default()
        };
        let by_path = question.path.as_deref() == Some("/healthz");
        (*question == wanted || by_path, "because".into())
    }
}

fn deployment() -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "labels": {"app": "web"}},
        "spec": {
            "replicas": 3,
            "template": {"spec": {"containers": [
                {"name": "web", "image": "nginx:1.19"}, {"name": "side", "image": "busybox:1.28"},
            ]}},
        },
    })
}

fn with_facts<T>(object: &Value, old: Option<&Value>, look: impl Fn(&Facts<'_>) -> T) -> T {
    let request = json!({
        "operation": "CREATE",
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "namespace": "default",
        "userInfo": {"username": "jane", "groups": ["people"]},
    });
    let namespace = json!({"metadata": {"name": "default", "labels": {"team": "a"}}});
    look(&Facts {
        object,
        old,
        request: &request,
        namespace: Some(&namespace),
        authority: Arc::new(Jane),
    })
}

/// What a policy of that spec says of a Deployment, with that parameter.
fn said(spec: &Value, params: Option<Value>) -> Vec<String> {
    let policy = ValidatingPolicy::compile(spec).unwrap();
    let old = json!({"metadata": {"name": "web"}, "spec": {"replicas": 1}});
    with_facts(&deployment(), Some(&old), |facts| {
        let refusals = policy.refusals(&Scene::new(facts), params.as_ref());
        refusals
            .into_iter()
            .map(|refusal| refusal.message)
            .collect()
    })
}

/// What one expression says of it.
fn of_expression(expression: &str) -> Option<String> {
    let spec = json!({"validations": [{"expression": expression, "message": "no"}]});
    said(&spec, None).pop()
}

#[test]
fn expressions_know_the_request() {
    for (expression, holds) in [
        ("object.spec.replicas <= 5", true),
        ("object.spec.replicas > 5", false),
        ("oldObject.spec.replicas < object.spec.replicas", true),
        (
            "request.operation == 'CREATE' && request.userInfo.username == 'jane'",
            true,
        ),
        ("'people' in request.userInfo.groups", true),
        ("namespaceObject.metadata.labels.team == 'b'", false),
        (
            "has(object.metadata.labels) && 'app' in object.metadata.labels",
            true,
        ),
        ("!has(object.metadata.annotations)", true),
        (
            "object.spec.template.spec.containers.all(c, c.image.contains(':'))",
            true,
        ),
        (
            "object.spec.template.spec.containers.exists(c, c.name == 'none')",
            false,
        ),
        (
            "object.spec.template.spec.containers.map(c, c.name) == ['web', 'side']",
            true,
        ),
        (
            "object.spec.template.spec.containers.filter(c, c.name == 'web').size() == 1",
            true,
        ),
        (
            "object.metadata.?annotations.?a.orValue('none') == 'none'",
            true,
        ),
        (
            "object.metadata.?annotations.a.b.orValue('none') == 'none'",
            true,
        ),
        ("object.metadata.?labels.app.orValue('none') == 'web'", true),
        (
            "object.metadata.?labels['app'].orValue('none') == 'web'",
            true,
        ),
        (
            "object.metadata.?annotations['a'].orValue('none') == 'none'",
            true,
        ),
        ("object.metadata.labels[?'b'].hasValue()", false),
        ("quantity('1Gi').isGreaterThan(quantity('1Mi'))", true),
        ("sets.contains([1, 2], [1])", true),
        ("'a,b'.split(',').join('-') == 'a-b'", true),
        (
            "'aXbX'.replace('X', '.', 1) == 'a.bX' && 'aXbX'.replace('X', '') == 'ab'",
            true,
        ),
        ("strings.quote('a') == '\"a\"'", true),
        (
            "[1, 2].indexOf(2) == 1 && optional.of(1).value() == 1",
            true,
        ),
        ("lists.range(3) == [0, 1, 2]", true),
        (
            "'a' + 'b' == 'ab' && 1 + 2 == 3 && [1] + [2] == [1, 2] && 1.5 + 1.0 == 2.5",
            true,
        ),
        ("duration('1h') + duration('1m') == duration('61m')", true),
        ("dyn(object).spec.replicas == 3", true),
        (
            "authorizer.group('').resource('pods').namespace('default').check('create').allowed()",
            true,
        ),
        (
            "authorizer.group('').resource('pods').namespace('other').check('create').allowed()",
            false,
        ),
        (
            "authorizer.path('/healthz').check('get').reason() == 'because'",
            true,
        ),
        ("authorizer.requestResource.check('create').allowed()", true),
        (
            "authorizer.serviceAccount('default', 'a').group('').resource('pods').check('get').allowed()",
            false,
        ),
    ] {
        let expected = (!holds).then(|| "no".to_owned());
        assert_eq!(of_expression(expression), expected, "{expression}");
    }
}

#[test]
fn what_has_no_value_says_why() {
    for (expression, why) in [
        ("object.spec.paused", "no such key: paused"),
        (
            "has(object.metadata.annotations.a)",
            "no such key: annotations",
        ),
        ("object.spec.replicas / 0 == 1", "division by zero"),
        ("object.spec.replicas + 'a' == 'a'", "no such overload"),
        ("object.spec.replicas", "must evaluate to bool, not int"),
        (
            "authorizer.group('').check('get').allowed()",
            "no such overload",
        ),
    ] {
        let expected = format!("expression '{expression}' resulted in error: {why}");
        assert_eq!(of_expression(expression), Some(expected));
    }
    assert_eq!(
        of_expression("has(object.spec.paused) && object.spec.paused"),
        Some("no".into())
    );
}

#[test]
fn what_does_not_compile_shows_its_place() {
    let variables = [Variable::compile("a", "1", &[], Names::default()).unwrap()];
    let names = Names {
        variables: Some(&variables),
        ..Names::default()
    };
    let foo = "undeclared reference to 'foo' (in container '')";
    for (expression, why) in [
        (
            "foo > 1",
            format!("ERROR: <input>:1:1: {foo}\n | foo > 1\n | ^"),
        ),
        (
            "[1].all(x, x == 1) && x == 1",
            "ERROR: <input>:1:9: undeclared reference to 'x' (in container '')\n \
             | [1].all(x, x == 1) && x == 1\n | ........^"
                .to_owned(),
        ),
        (
            "variables.b",
            "ERROR: <input>:1:11: undefined field 'b'\n | variables.b\n | ..........^".to_owned(),
        ),
    ] {
        let expected = format!("compilation failed: {why}");
        assert_eq!(wrong_with(expression, names), Some(expected));
    }
    for expression in ["object.spec.", "Object{}", "params.a", "x.y(", ""] {
        let words = wrong_with(expression, names).unwrap();
        assert!(
            words.starts_with("compilation failed: ERROR: <input>:"),
            "{words}"
        );
    }
    assert_eq!(
        wrong_with("variables.a == 1 && has(variables.a)", names),
        None
    );
}

#[test]
fn a_refusal_has_words() {
    let refusal = |change: Value| {
        let mut validation = json!({"expression": "object.spec.replicas > 5"});
        for (field, value) in change.as_object().unwrap() {
            validation[field] = value.clone();
        }
        said(&json!({"validations": [validation]}), None)
    };
    let computed = "'has ' + string(object.spec.replicas)";
    for (change, words) in [
        (json!({}), "failed expression: object.spec.replicas > 5"),
        (json!({"message": "too few"}), "too few"),
        (
            json!({"message": "too few", "messageExpression": computed}),
            "has 3",
        ),
        (
            json!({"message": "too few", "messageExpression": "object.none"}),
            "too few",
        ),
        (
            json!({"message": "too few", "messageExpression": "' '"}),
            "too few",
        ),
    ] {
        assert_eq!(refusal(change), [words]);
    }
}

#[test]
fn parameters_variables_and_conditions() {
    let spec = json!({
        "paramKind": {"apiVersion": "v1", "kind": "ConfigMap"},
        "matchConditions": [{"name": "web", "expression": "object.metadata.name == params.data.name"}],
        "variables": [
            {"name": "wrong", "expression": "object.none"},
            {"name": "limit", "expression": "int(params.data.limit)"},
            {"name": "ok", "expression": "object.spec.replicas <= variables.limit"},
        ],
        "validations": [
            {"expression": "variables.ok || variables.wrong == 1", "message": "too many"},
            {"expression": "[1, 2].all(object, variables.ok)", "message": "too many as well"},
        ],
    });
    let params = |name: &str, limit: &str| Some(json!({"data": {"name": name, "limit": limit}}));
    assert_eq!(said(&spec, params("web", "3")), [""; 0]);
    assert_eq!(
        said(&spec, params("other", "2")),
        [""; 0],
        "the condition is not met"
    );
    let wrong =
        "expression 'variables.ok || variables.wrong == 1' resulted in error: no such key: none";
    assert_eq!(said(&spec, params("web", "2")), [wrong, "too many as well"]);
    let unmet = said(&spec, Some(json!({"data": {}})));
    let condition = "object.metadata.name == params.data.name";
    let why = format!("expression '{condition}' resulted in error: no such key: name");
    assert_eq!(unmet, [why]);
}

#[test]
fn one_condition_that_does_not_hold_decides() {
    let conditions = |expressions: &[&str]| {
        let expressions = expressions.iter();
        let stored: Vec<Value> = expressions.map(|it| json!({"expression": it})).collect();
        let conditions = Conditions::of_webhook(&Value::Array(stored)).unwrap();
        with_facts(&deployment(), None, |facts| {
            conditions.hold(&Scene::new(facts))
        })
    };
    let error = "expression 'object.none' resulted in error: no such key: none";
    assert_eq!(conditions(&[]), Ok(true));
    assert_eq!(conditions(&["object.none", "false"]), Ok(false));
    assert_eq!(conditions(&["object.none", "true"]), Err(error.to_owned()));
    assert_eq!(
        conditions(&["object.none", "object.none"]),
        Err(format!("[{error}, {error}]"))
    );
    assert_eq!(conditions(&["oldObject == null"]), Ok(true));
}

/// The Deployment as mutations change it.
fn mutated(mutations: &Value) -> Result<Value, NotMutated> {
    let policy = MutatingPolicy::compile(&json!({
        "variables": [{"name": "side", "expression": "'proxy'"}],
        "mutations": mutations,
    }));
    let policy = policy.unwrap();
    let schema = Schema::of("io.k8s.api.apps.v1.Deployment").unwrap();
    with_facts(&deployment(), None, |facts| {
        policy.mutated(facts, None, &schema)
    })
}

fn apply(expression: &str) -> Value {
    json!({"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": expression}})
}

fn patch(expression: &str) -> Value {
    json!({"patchType": "JSONPatch", "jsonPatch": {"expression": expression}})
}

#[test]
fn mutations_see_what_those_before_them_did() {
    let made = mutated(&json!([
        apply(
            "Object{spec: Object.spec{template: Object.spec.template{spec: Object.spec.template.spec{
                containers: [Object.spec.template.spec.containers{name: variables.side, image: 'envoy:1'}]
            }}}}"
        ),
        patch(
            "[JSONPatch{op: 'test', path: '/spec/replicas', value: 3},
              JSONPatch{op: 'replace', path: '/spec/replicas',
                        value: object.spec.template.spec.containers.size() + 10},
              JSONPatch{op: 'add', path: '/metadata/labels/' + jsonpatch.escapeKey('a/b'), value: 'c'}]"
        ),
        patch("[JSONPatch{op: 'test', path: '/spec/replicas', value: 1}, JSONPatch{op: 'remove', path: '/spec'}]"),
    ]));
    let made = made.unwrap();
    assert_eq!(made["spec"]["replicas"], 13);
    assert_eq!(
        made["metadata"]["labels"],
        json!({"app": "web", "a/b": "c"})
    );
    let containers = &made["spec"]["template"]["spec"]["containers"];
    assert_eq!(containers[2], json!({"name": "proxy", "image": "envoy:1"}));
}

#[test]
fn a_mutation_that_fails_says_why() {
    for (mutation, why) in [
        (apply("1"), "must evaluate to Object"),
        (
            apply("Object{spec: Object.spec{colour: 'red'}}"),
            "field not declared in schema",
        ),
        (patch("'a'"), "should evaluate to array"),
        (
            patch("[JSONPatch{op: 'remove', path: '/none'}]"),
            "error applying JSON Patch",
        ),
        (patch("object.none"), "no such key: none"),
    ] {
        let failed = mutated(&json!([mutation])).unwrap_err();
        assert!(failed.message.contains(why), "{}", failed.message);
        assert_eq!(failed.reason, Reason::Forbidden);
    }
}

#[test]
fn what_costs_too_much_ends() {
    let spent = "resulted in error: operation cancelled: actual cost limit exceeded";
    let long = "lists.range(3000)";
    for expression in [
        format!("{long}.all(x, {long}.all(y, x + y >= 0))"),
        format!("{long}.all(x, {long}.exists(y, x + y < 0) || true)"),
        format!("{long}.map(x, [x] + {long}).size() > 0"),
        "lists.range(1000000000).size() > 0".to_owned(),
        "lists.range(900).map(x, lists.range(900).map(y, 'aaaaaaaaaa').join('-')).join() == ''"
            .to_owned(),
    ] {
        let said = of_expression(&expression).unwrap_or_default();
        assert!(said.contains(spent), "{expression}: {said:.200}");
    }
    let mut variables = vec![json!({"name": "v0", "expression": "'aaaaaaaaaa'"})];
    for index in 1..60 {
        let before = format!("variables.v{}", index - 1);
        let doubled = format!("{before} + {before}");
        variables.push(json!({"name": format!("v{index}"), "expression": doubled}));
    }
    let too_large = json!({
        "variables": variables,
        "validations": [{"expression": "variables.v30.size() > 0"}],
    });
    let said = said(&too_large, None);
    assert!(said[0].contains(spent), "{:.200}", said[0]);
}

#[test]
fn what_nests_too_deep_is_refused() {
    let names = Names::default();
    let sum = ["1"; 8000].join("+");
    let parentheses = format!("{}1{} == 1", "(".repeat(8000), ")".repeat(8000));
    let fields = format!("object{}", ".a".repeat(8000));
    let indices = format!("object{}", "[1]".repeat(4000));
    let calls = format!("object{}", ".trim()".repeat(2000));
    let choices = format!("{}1", "true ? 1 : ".repeat(1000));
    let open = format!("{}?[", "{".repeat(98));
    for expression in [sum, parentheses, fields, indices, calls, choices, open] {
        let why = wrong_with(&expression, names).unwrap_or_default();
        assert!(why.starts_with("compilation failed: "), "{why:.300}");
        assert!(!why.contains("internal error"), "{why:.300}");
    }
    let conditions = vec!["object.spec.replicas == 3"; 300].join(" && ");
    assert_eq!(wrong_with(&conditions, names), None);
    assert_eq!(of_expression(&conditions), None);
}
