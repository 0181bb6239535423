//! The fields that expressions name, held against the types of what a policy is about (`status.typeChecking`,
//! <https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/#type-checking>).
//!
//! What has no known type is passed over, as what an expression computes: nothing is refused for what is found here.

use std::collections::HashMap;

use kube_cel::cel::IdedExpr;
use kube_cel::cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr, LiteralValue, operators,
};
use serde_json::{Value, json};

use super::parser::parse;
use super::words;
use crate::stack::{OF_ANY_DEPTH, on_a_stack};
use crate::{Node, NodeType, Schema};

/// A kind that a policy is about.
pub struct Typed {
    /// As warnings name it: `apps/v1, Kind=Deployment`.
    pub name: String,
    /// What its objects are made of.
    pub schema: Schema,
}

/// What is found in the validations of a ValidatingAdmissionPolicy, in JSON (admissionregistration.k8s.io/v1
/// ExpressionWarning). `params` is the type of its parameters, if that is known.
pub fn type_warnings(spec: &Value, kinds: &[Typed], params: Option<&Schema>) -> Vec<Value> {
    let checked = on_a_stack(OF_ANY_DEPTH, || {
        let validations = spec["validations"].as_array().into_iter().flatten();
        let mut warnings = Vec::new();
        for (index, validation) in validations.enumerate() {
            for field in ["expression", "messageExpression"] {
                let source = validation[field].as_str().unwrap_or_default();
                let found = kinds.iter().filter_map(|kind| {
                    let found = Walk::new(spec, kind, params).check(source);
                    (!found.is_empty()).then(|| format!("{}: {}", kind.name, found.join("\n")))
                });
                let found: Vec<String> = found.collect();
                if !found.is_empty() {
                    warnings.push(json!({
                        "fieldRef": format!("spec.validations[{index}].{field}"),
                        "warning": found.join("\n"),
                    }));
                }
            }
        }
        warnings
    });
    checked.unwrap_or_default()
}

/// The type of a piece of an expression; `None` if it may be anything.
type Type<'s> = Option<Node<'s>>;

struct Walk<'s> {
    kind: &'s Typed,
    params: Option<&'s Schema>,
    variables: HashMap<String, Type<'s>>,
    /// What loops around this place bind.
    bound: Vec<(String, Type<'s>)>,
    source: String,
    /// How many fields of a name have been seen.
    seen: HashMap<String, usize>,
    found: Vec<String>,
}

impl<'s> Walk<'s> {
    fn new(spec: &Value, kind: &'s Typed, params: Option<&'s Schema>) -> Self {
        let mut walk = Self {
            kind,
            params,
            variables: HashMap::new(),
            bound: Vec::new(),
            source: String::new(),
            seen: HashMap::new(),
            found: Vec::new(),
        };
        for variable in spec["variables"].as_array().into_iter().flatten() {
            let text = |field: &str| variable[field].as_str().unwrap_or_default();
            let known = parse(text("expression"))
                .ok()
                .and_then(|tree| walk.visit(&tree));
            walk.variables.insert(text("name").to_owned(), known);
        }
        walk
    }

    /// What is wrong with the fields that an expression names.
    fn check(mut self, source: &str) -> Vec<String> {
        self.seen.clear();
        self.found.clear();
        source.clone_into(&mut self.source);
        if let Ok(tree) = parse(source) {
            self.visit(&tree);
        }
        self.found
    }

    fn visit(&mut self, node: &IdedExpr) -> Type<'s> {
        match &node.expr {
            Expr::Ident(name) => self.reference(name),
            Expr::Select(select) => {
                if let Some(variable) = self.variable(&select.operand, &select.field) {
                    return variable;
                }
                let operand = self.visit(&select.operand);
                let field = self.field(operand, &select.field);
                field.filter(|_| !select.test)
            }
            Expr::Call(call) => self.call(call),
            Expr::List(list) => self.each(&list.elements),
            Expr::Map(map) => self.entries(map.entries.iter().map(|entry| &entry.expr)),
            Expr::Struct(object) => self.entries(object.entries.iter().map(|entry| &entry.expr)),
            Expr::Comprehension(it) => self.comprehension(it),
            Expr::Literal(_) | Expr::Unspecified => None,
        }
    }

    fn each<'e>(&mut self, nodes: impl IntoIterator<Item = &'e IdedExpr>) -> Type<'s> {
        for node in nodes {
            self.visit(node);
        }
        None
    }

    fn entries<'e>(&mut self, entries: impl Iterator<Item = &'e EntryExpr>) -> Type<'s> {
        for entry in entries {
            match entry {
                EntryExpr::StructField(field) => self.each([&field.value]),
                EntryExpr::MapEntry(entry) => self.each([&entry.key, &entry.value]),
            };
        }
        None
    }

    fn reference(&self, name: &str) -> Type<'s> {
        let mut bound = self.bound.iter().rev();
        match bound.find(|(known, _)| known == name) {
            Some((_, known)) => *known,
            None => match name {
                "object" | "oldObject" => Some(self.kind.schema.root()),
                "params" => self.params.map(Schema::root),
                _ => None,
            },
        }
    }

    /// The type of `variables.name`, if it is that.
    fn variable(&self, operand: &IdedExpr, name: &str) -> Option<Type<'s>> {
        match &operand.expr {
            Expr::Ident(owner) if owner == "variables" => self.variables.get(name).copied(),
            _ => None,
        }
    }

    /// A field of a type. That there is none is what this is all about.
    fn field(&mut self, operand: Type<'s>, name: &str) -> Type<'s> {
        let seen = self.seen.entry(name.to_owned()).or_default();
        let nth = std::mem::replace(seen, *seen + 1);
        let operand = operand?;
        let field = operand.field(name).or_else(|| operand.field(plain(name)));
        if field.is_none() && has_not(operand, name) {
            let why = format!("undefined field '{name}'");
            let words = words::at_field(&self.source, name, nth, &why);
            self.found.push(words);
        }
        field
    }

    fn call(&mut self, call: &CallExpr) -> Type<'s> {
        let args = call.target.iter().map(|target| &**target).chain(&call.args);
        let types: Vec<Type<'s>> = args.map(|arg| self.visit(arg)).collect();
        match (
            call.func_name.as_str(),
            call.args.get(1).map(|arg| &arg.expr),
        ) {
            (operators::OPT_SELECT, Some(Expr::Literal(LiteralValue::String(name)))) => {
                self.field(types[0], name.inner())
            }
            (operators::INDEX | operators::OPT_INDEX, _) => {
                let of = types[0]?;
                of.items().or_else(|| of.additional())
            }
            _ => None,
        }
    }

    fn comprehension(&mut self, it: &ComprehensionExpr) -> Type<'s> {
        let range = self.visit(&it.iter_range);
        self.visit(&it.accu_init);
        let bound = self.bound.len();
        self.bound.push((it.accu_var.clone(), None));
        self.bound
            .push((it.iter_var.clone(), range.and_then(Node::items)));
        if let Some(second) = &it.iter_var2 {
            self.bound
                .push((second.clone(), range.and_then(Node::additional)));
        }
        self.each([&it.loop_cond, &it.loop_step, &it.result]);
        self.bound.truncate(bound);
        None
    }
}

/// Whether objects of a type cannot have such a field.
fn has_not(of: Node<'_>, name: &str) -> bool {
    const OF_ALL: [&str; 3] = ["apiVersion", "kind", "metadata"];
    of.node_type() == NodeType::Object
        && of.has_properties()
        && !of.preserves_unknown()
        && !OF_ALL.contains(&name)
}

/// The name of a field whose name is a word of CEL's own: `__namespace__`.
fn plain(name: &str) -> &str {
    let inner = name.strip_prefix("__");
    inner
        .and_then(|inner| inner.strip_suffix("__"))
        .unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(expression: &str) -> Vec<String> {
        let kind = |group: &str, name: &str| Typed {
            name: format!("{group}, Kind={name}"),
            schema: Schema::of(&format!("io.k8s.api.{}.{name}", group.replace('/', "."))).unwrap(),
        };
        let spec = json!({
            "variables": [
                {"name": "pod", "expression": "object.spec.template"},
                {"name": "images", "expression": "variables.pod.spec.containers.map(c, c.image)"},
            ],
            "validations": [{"expression": "true"}, {"expression": expression}],
        });
        let params = Schema::of("io.k8s.api.core.v1.ConfigMap");
        let kinds = [
            kind("apps/v1", "Deployment"),
            kind("apps/v1", "StatefulSet"),
        ];
        let warnings = type_warnings(&spec, &kinds, params.as_ref());
        for warning in &warnings {
            assert_eq!(warning["fieldRef"], "spec.validations[1].expression");
        }
        let text = |warning: &Value| warning["warning"].as_str().unwrap().to_owned();
        warnings.iter().map(text).collect()
    }

    #[test]
    fn fields_that_there_are() {
        for expression in [
            "object.spec.replicas > 1 && oldObject.metadata.name == object.metadata.name",
            "object.metadata.labels.anything == 'a' && object.metadata.labels['b'] == 'c'",
            "has(object.metadata.annotations) && object.metadata.?labels.?a.orValue('') == ''",
            "object.spec.template.spec.containers.all(c, c.image != '' && c.ports.exists(p, p.hostPort > 0))",
            "object.spec.template.spec.containers[0].resources.limits['cpu'] != ''",
            "variables.images.exists(i, i.whatever) && request.userInfo.username == 'a'",
            "object.metadata.__namespace__ == object.metadata.namespace",
            "params.data.a == 'b' && object.apiVersion == 'apps/v1'",
        ] {
            assert_eq!(found(expression), [""; 0], "{expression}");
        }
    }

    #[test]
    fn fields_that_there_are_not() {
        let both = |words: &str| {
            vec![format!(
                "apps/v1, Kind=Deployment: {words}\napps/v1, Kind=StatefulSet: {words}"
            )]
        };
        for (expression, words) in [
            (
                "object.replicas > 1",
                "ERROR: <input>:1:7: undefined field 'replicas'\n | object.replicas > 1\n | ......^",
            ),
            (
                "has(object.spec.none)",
                "ERROR: <input>:1:16: undefined field 'none'\n | has(object.spec.none)\n | ...............^",
            ),
            (
                "object.spec.template.spec.containers.all(c, c.name != '' && c.nam != '')",
                "ERROR: <input>:1:62: undefined field 'nam'\n | object.spec.template.spec.containers.all(c, c.name != '' && c.nam != '')\n | .............................................................^",
            ),
            (
                "variables.pod.none == params.none",
                "ERROR: <input>:1:14: undefined field 'none'\n | variables.pod.none == params.none\n | .............^\n\
                 ERROR: <input>:1:29: undefined field 'none'\n | variables.pod.none == params.none\n | ............................^",
            ),
        ] {
            assert_eq!(found(expression), both(words));
        }
        let of_one = "object.spec.serviceName != ''";
        assert_eq!(
            found(of_one),
            [format!(
                "apps/v1, Kind=Deployment: ERROR: <input>:1:12: undefined field 'serviceName'\n | {of_one}\n | ...........^"
            )]
        );
    }
}
