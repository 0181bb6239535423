//! Expressions held against the types of what they are about: that of a policy's objects (`status.typeChecking`,
//! <https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/#type-checking>), that of the place in a
//! schema where a rule stands.
//!
//! What has no known type is passed over. A policy is not refused for what is found here; a rule is.

use std::collections::HashMap;

use kube_cel::cel::IdedExpr;
use kube_cel::cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr, LiteralValue, operators,
};
use serde_json::{Value, json};

use super::parser::parse;
use super::types::{BOOL, INT, Part, Place, STRING, Type, given_by, operated};
use super::words;
use crate::Schema;
use crate::stack::{OF_ANY_DEPTH, on_a_stack};

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

/// What is wrong with an expression about a place of a schema, in words, as far as the types of fields tell it. What it gives
/// must be a `gives`: `bool` of a rule, `string` of a message. What was at the place before may be unknown.
pub(crate) fn wrong_types(
    source: &str,
    place: Place<'_>,
    old: Option<Place<'_>>,
    gives: &str,
) -> Option<String> {
    let checked = on_a_stack(OF_ANY_DEPTH, || {
        let old = old.map_or(Type::Dyn, Place::of);
        let mut walk = Walk::about(vec![("self", place.of()), ("oldSelf", old)]);
        source.clone_into(&mut walk.source);
        let given = parse(source).map_or(Type::Dyn, |tree| walk.visit(&tree));
        match given {
            _ if !walk.found.is_empty() => {
                Some(format!("compilation failed: {}", walk.found.join("\n")))
            }
            Type::Scalar(given) if given != gives => {
                let what = if gives == BOOL {
                    "cel expression"
                } else {
                    "messageExpression"
                };
                Some(format!("{what} must evaluate to a {gives}"))
            }
            _ => None,
        }
    });
    checked.ok().flatten()
}

struct Walk<'s> {
    /// What the expression may name.
    names: Vec<(&'static str, Type<'s>)>,
    variables: HashMap<String, Type<'s>>,
    /// What loops around this place bind.
    bound: Vec<(String, Type<'s>)>,
    source: String,
    /// How many fields and operators of a name have been seen.
    seen: HashMap<String, usize>,
    found: Vec<String>,
}

impl<'s> Walk<'s> {
    fn about(names: Vec<(&'static str, Type<'s>)>) -> Self {
        Self {
            names,
            variables: HashMap::new(),
            bound: Vec::new(),
            source: String::new(),
            seen: HashMap::new(),
            found: Vec::new(),
        }
    }

    fn new(spec: &Value, kind: &'s Typed, params: Option<&'s Schema>) -> Self {
        let of = |schema: &'s Schema| Place::Compiled(schema.root()).of();
        let object = of(&kind.schema);
        let mut walk = Self::about(vec![
            ("object", object),
            ("oldObject", object),
            ("params", params.map_or(Type::Dyn, of)),
        ]);
        for variable in spec["variables"].as_array().into_iter().flatten() {
            let text = |field: &str| variable[field].as_str().unwrap_or_default();
            let known = parse(text("expression")).map_or(Type::Dyn, |tree| walk.visit(&tree));
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
                if select.test { Type::Dyn } else { field }
            }
            Expr::Call(call) => self.call(call),
            Expr::List(list) => self.each(&list.elements),
            Expr::Map(map) => self.entries(map.entries.iter().map(|entry| &entry.expr)),
            Expr::Struct(object) => self.entries(object.entries.iter().map(|entry| &entry.expr)),
            Expr::Comprehension(it) => self.comprehension(it),
            Expr::Literal(literal) => Type::of_literal(literal),
            Expr::Unspecified => Type::Dyn,
        }
    }

    fn each<'e>(&mut self, nodes: impl IntoIterator<Item = &'e IdedExpr>) -> Type<'s> {
        for node in nodes {
            self.visit(node);
        }
        Type::Dyn
    }

    fn entries<'e>(&mut self, entries: impl Iterator<Item = &'e EntryExpr>) -> Type<'s> {
        for entry in entries {
            match entry {
                EntryExpr::StructField(field) => self.each([&field.value]),
                EntryExpr::MapEntry(entry) => self.each([&entry.key, &entry.value]),
            };
        }
        Type::Dyn
    }

    fn reference(&self, name: &str) -> Type<'s> {
        let mut bound = self.bound.iter().rev();
        if let Some((_, known)) = bound.find(|(known, _)| known == name) {
            return *known;
        }
        let mut names = self.names.iter();
        let known = names.find(|(known, _)| *known == name);
        known.map_or(Type::Dyn, |(_, known)| *known)
    }

    /// The type of `variables.name`, if it is that.
    fn variable(&self, operand: &IdedExpr, name: &str) -> Option<Type<'s>> {
        match &operand.expr {
            Expr::Ident(owner) if owner == "variables" => self.variables.get(name).copied(),
            _ => None,
        }
    }

    /// How many of a name there were before.
    fn nth(&mut self, name: &str) -> usize {
        let seen = self.seen.entry(name.to_owned()).or_default();
        std::mem::replace(seen, *seen + 1)
    }

    /// A field of a type.
    fn field(&mut self, operand: Type<'s>, name: &str) -> Type<'s> {
        let nth = self.nth(name);
        let part = operand.place().map(|place| place.field(name));
        match part {
            None => Type::Dyn,
            Some(Part::There(field)) => field,
            Some(Part::Undefined) => {
                let why = format!("undefined field '{name}'");
                let words = words::at_field(&self.source, name, nth, &why);
                self.found.push(words);
                Type::Dyn
            }
        }
    }

    fn call(&mut self, call: &CallExpr) -> Type<'s> {
        let name = call.func_name.as_str();
        let args = call.target.iter().map(|target| &**target).chain(&call.args);
        let types: Vec<Type<'s>> = args.map(|arg| self.visit(arg)).collect();
        match (name, call.args.get(1).map(|arg| &arg.expr)) {
            (operators::OPT_SELECT, Some(Expr::Literal(LiteralValue::String(name)))) => {
                self.field(types[0], name.inner());
                Type::Dyn
            }
            (operators::INDEX, _) => {
                let of = types[0].place();
                let part = of.and_then(|of| of.items().or_else(|| of.values()));
                part.map_or(Type::Dyn, Place::of)
            }
            _ => match operated(name, &types) {
                Ok(Type::Dyn) => given_by(name),
                Ok(given) => given,
                Err(given) => {
                    let why =
                        format!("found no matching overload for '{name}' applied to '{given}'");
                    self.found
                        .push(words::at_operator(&self.source, name, &why));
                    Type::Dyn
                }
            },
        }
    }

    fn comprehension(&mut self, it: &ComprehensionExpr) -> Type<'s> {
        let range = self.visit(&it.iter_range).place();
        let (items, values) = (range.and_then(Place::items), range.and_then(Place::values));
        let of = |place: Option<Place<'s>>| place.map_or(Type::Dyn, Place::of);
        let key = match (items, values) {
            (Some(_), _) => Type::Scalar(INT),
            (None, Some(_)) => Type::Scalar(STRING),
            (None, None) => Type::Dyn,
        };
        let begun = self.visit(&it.accu_init);
        let bound = self.bound.len();
        self.bound.push((it.accu_var.clone(), begun));
        match &it.iter_var2 {
            Some(second) => {
                self.bound.push((it.iter_var.clone(), key));
                self.bound.push((second.clone(), of(items.or(values))));
            }
            None => {
                let each = if items.is_some() { of(items) } else { key };
                self.bound.push((it.iter_var.clone(), each));
            }
        }
        self.each([&it.loop_cond, &it.loop_step]);
        let given = self.visit(&it.result);
        self.bound.truncate(bound);
        given
    }
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
    fn operators_that_there_are_not() {
        let found = found("object.spec.replicas > '1'");
        let words = "ERROR: <input>:1:22: found no matching overload for '_>_' applied to '(int, string)'\n | object.spec.replicas > '1'\n | .....................^";
        assert_eq!(
            found,
            [format!(
                "apps/v1, Kind=Deployment: {words}\napps/v1, Kind=StatefulSet: {words}"
            )]
        );
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
