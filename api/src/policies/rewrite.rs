//! What an expression becomes before it is evaluated: the evaluator knows no types of objects, computes what nobody
//! asks for, and counts no cost.
//!
//! | written | evaluated |
//! |---|---|
//! | `variables.a` | `@variable(0)`, which computes it once |
//! | `authorizer.requestResource` | `@requestResource()` |
//! | `Object.spec{replicas: 1}`, `JSONPatch{op: "add"}` | `{"replicas": 1}`, `{"op": "add"}` |
//! | `a + b` | `@add(a, b)`, which costs what comes out |
//! | `a.?b` | `@select(a, "b")` |
//! | the condition of a loop | `@tick(nodes, reads) ? condition : false` |

use kube_cel::cel::IdedExpr;
use kube_cel::cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedEntryExpr, LiteralValue, MapEntryExpr,
    MapExpr, SelectExpr, StructExpr, operators,
};

use super::calls::{ADD, REQUEST_RESOURCE, SELECT, TICK, TYPES, VARIABLE};
use super::expression::{Cost, Names};
use super::words;

/// How deep an expression may nest, with the variables that it needs: the evaluator's stack grows with it.
const DEEPEST: usize = 120;

/// What every expression of a policy may name.
const FACTS: [&str; 5] = [
    "object",
    "oldObject",
    "request",
    "namespaceObject",
    "authorizer",
];
/// What a rule of a schema may name: the value, and what it was.
const FACTS_OF_SCHEMAS: [&str; 2] = ["self", "oldSelf"];
/// What stands before the dot of a function's name.
const LIBRARIES: [&str; 10] = [
    "base64",
    "cidr",
    "format",
    "ip",
    "jsonpatch",
    "lists",
    "math",
    "optional",
    "sets",
    "strings",
];
const PATCH_FIELDS: [&str; 4] = ["op", "path", "from", "value"];

/// What is known of an expression that was rewritten.
pub(super) struct Measure {
    /// What it costs outside of loops.
    pub(super) cost: Cost,
    /// How deep it nests.
    pub(super) depth: usize,
    /// Whether it names `oldSelf`.
    pub(super) uses_old: bool,
}

/// Rewrites an expression for the evaluator; or says what is wrong with it.
pub(super) fn rewrite(
    tree: &mut IdedExpr,
    source: &str,
    names: Names<'_>,
) -> Result<Measure, String> {
    let mut rewriter = Rewriter {
        names,
        source,
        bound: Vec::new(),
        depth: 0,
        deepest: 0,
        uses_old: false,
        cost: Cost::default(),
    };
    rewriter.visit(tree)?;
    Ok(Measure {
        cost: rewriter.cost,
        depth: rewriter.deepest,
        uses_old: rewriter.uses_old,
    })
}

struct Rewriter<'a> {
    names: Names<'a>,
    source: &'a str,
    /// The names that loops around this place bind.
    bound: Vec<String>,
    depth: usize,
    deepest: usize,
    uses_old: bool,
    cost: Cost,
}

impl Rewriter<'_> {
    fn visit(&mut self, node: &mut IdedExpr) -> Result<(), String> {
        self.depth += 1;
        self.cost.nodes += 1;
        self.check_depth(0)?;
        self.replace(node)?;
        self.depth -= 1;
        Ok(())
    }

    /// Whether something of that depth may stand here.
    fn check_depth(&mut self, below: usize) -> Result<(), String> {
        self.deepest = self.deepest.max(self.depth + below);
        if self.deepest > DEEPEST {
            return Err(format!("expression recursion limit exceeded: {DEEPEST}"));
        }
        Ok(())
    }

    fn replace(&mut self, node: &mut IdedExpr) -> Result<(), String> {
        match &mut node.expr {
            Expr::Unspecified => Err("an expression is missing".to_owned()),
            Expr::Literal(_) => Ok(()),
            Expr::Ident(name) => {
                let name = name.clone();
                self.reference(&name)
            }
            Expr::Select(select) => match self.known_field(select)? {
                Some(call) => {
                    node.expr = call;
                    Ok(())
                }
                None => {
                    self.cost.reads += u64::from(self.reads_fact(&select.operand));
                    self.visit(&mut select.operand)?;
                    // What follows an optional field is optional as well.
                    if !select.test && is_optional(&select.operand) {
                        let operand = std::mem::take(&mut *select.operand);
                        node.expr = call(SELECT, vec![operand, text(&select.field)]);
                    }
                    Ok(())
                }
            },
            Expr::Call(call) => self.call(call),
            Expr::List(list) => self.each(&mut list.elements),
            Expr::Map(map) => self.map(map),
            Expr::Struct(object) => {
                let map = self.object(object)?;
                node.expr = Expr::Map(map);
                Ok(())
            }
            Expr::Comprehension(comprehension) => self.comprehension(comprehension),
        }
    }

    fn each(&mut self, nodes: &mut [IdedExpr]) -> Result<(), String> {
        nodes.iter_mut().try_for_each(|node| self.visit(node))
    }

    fn wrong(&self, name: &str, why: &str) -> String {
        words::at(self.source, name, why)
    }

    fn is_bound(&self, name: &str) -> bool {
        self.bound.iter().any(|bound| bound == name)
    }

    /// A name by itself.
    fn reference(&mut self, name: &str) -> Result<(), String> {
        if self.is_bound(name) || TYPES.contains(&name) {
            return Ok(());
        }
        let facts: &[&str] = match self.names.schema {
            true => &FACTS_OF_SCHEMAS,
            false => &FACTS,
        };
        if facts.contains(&name) || (name == "params" && self.names.params) {
            self.cost.reads += 1;
            self.uses_old |= name == "oldSelf";
            return Ok(());
        }
        Err(self.wrong(name, &words::undeclared(name)))
    }

    /// Whether a chain of fields begins at a fact: each step of it takes the part of the object that it leads to.
    fn reads_fact(&self, node: &IdedExpr) -> bool {
        match &node.expr {
            Expr::Ident(name) => !self.is_bound(name),
            Expr::Select(select) => self.reads_fact(&select.operand),
            Expr::Call(call) => call
                .args
                .first()
                .is_some_and(|first| self.reads_fact(first)),
            _ => false,
        }
    }

    /// `variables.a` and `authorizer.requestResource`.
    fn known_field(&mut self, select: &SelectExpr) -> Result<Option<Expr>, String> {
        let Expr::Ident(owner) = &select.operand.expr else {
            return Ok(None);
        };
        let field = select.field.as_str();
        if owner == "authorizer" && field == "requestResource" && !self.is_bound(owner) {
            return Ok(Some(call(REQUEST_RESOURCE, vec![])));
        }
        let variables = self.names.variables.filter(|_| !self.is_bound(owner));
        let Some(variables) = variables.filter(|_| owner == "variables") else {
            return Ok(None);
        };
        let index = variables.iter().position(|known| known.name == field);
        let index =
            index.ok_or_else(|| self.wrong(field, &format!("undefined field '{field}'")))?;
        self.check_depth(variables[index].value.depth)?;
        Ok(Some(match select.test {
            true => Expr::Literal(LiteralValue::Boolean(true.into())),
            false => call(VARIABLE, vec![number(index as u64)]),
        }))
    }

    fn call(&mut self, call: &mut CallExpr) -> Result<(), String> {
        match (call.func_name.as_str(), call.args.len()) {
            (operators::ADD, 2) => call.func_name = ADD.to_owned(),
            (operators::OPT_SELECT, 2) => call.func_name = SELECT.to_owned(),
            _ => {}
        }
        if let Some(target) = &mut call.target {
            let is_library = matches!(&target.expr, Expr::Ident(name)
                if LIBRARIES.contains(&name.as_str()) && !self.is_bound(name));
            if !is_library {
                self.visit(target)?;
            }
        }
        self.each(&mut call.args)
    }

    fn map(&mut self, map: &mut MapExpr) -> Result<(), String> {
        for entry in &mut map.entries {
            match &mut entry.expr {
                EntryExpr::MapEntry(entry) => {
                    self.visit(&mut entry.key)?;
                    self.visit(&mut entry.value)?;
                }
                EntryExpr::StructField(field) => {
                    return Err(self.wrong(&field.field, "unexpected field"));
                }
            }
        }
        Ok(())
    }

    /// An object of a type is a map of its fields. Which fields a type has is held against the schema when it is merged.
    fn object(&mut self, object: &mut StructExpr) -> Result<MapExpr, String> {
        let name = object.type_name.clone();
        let is_patch = name == "JSONPatch";
        let is_object = name == "Object" || name.starts_with("Object.");
        if !self.names.types || !(is_patch || is_object) {
            return Err(self.wrong(&name, &words::undeclared(&name)));
        }
        let mut entries = Vec::new();
        for entry in std::mem::take(&mut object.entries) {
            let EntryExpr::StructField(mut field) = entry.expr else {
                return Err(self.wrong(&name, "unexpected entry"));
            };
            if is_patch && !PATCH_FIELDS.contains(&field.field.as_str()) {
                let why = format!("undefined field '{}'", field.field);
                return Err(self.wrong(&field.field, &why));
            }
            self.visit(&mut field.value)?;
            entries.push(IdedEntryExpr {
                id: entry.id,
                expr: EntryExpr::MapEntry(MapEntryExpr {
                    key: text(&field.field),
                    value: field.value,
                    optional: field.optional,
                }),
            });
        }
        Ok(MapExpr { entries })
    }

    /// A loop pays before each round for what the round evaluates.
    fn comprehension(&mut self, it: &mut ComprehensionExpr) -> Result<(), String> {
        self.visit(&mut it.iter_range)?;
        self.visit(&mut it.accu_init)?;
        let outside = std::mem::take(&mut self.cost);
        let bound = self.bound.len();
        self.bound.push(it.accu_var.clone());
        self.bound.push(it.iter_var.clone());
        self.bound.extend(it.iter_var2.clone());
        self.visit(&mut it.loop_cond)?;
        self.visit(&mut it.loop_step)?;
        let round = std::mem::replace(&mut self.cost, outside);
        self.visit(&mut it.result)?;
        self.bound.truncate(bound);
        let condition = std::mem::take(&mut it.loop_cond);
        let tick = call(TICK, vec![number(round.nodes), number(round.reads)]);
        let no = Expr::Literal(LiteralValue::Boolean(false.into()));
        it.loop_cond = ided(call(
            operators::CONDITIONAL,
            vec![ided(tick), condition, ided(no)],
        ));
        Ok(())
    }
}

fn call(function: &str, args: Vec<IdedExpr>) -> Expr {
    Expr::Call(CallExpr {
        func_name: function.to_owned(),
        target: None,
        args,
    })
}

/// Whether a chain of fields has an optional one.
fn is_optional(node: &IdedExpr) -> bool {
    let Expr::Call(call) = &node.expr else {
        return false;
    };
    match call.func_name.as_str() {
        SELECT | operators::OPT_INDEX => true,
        operators::INDEX => call.args.first().is_some_and(is_optional),
        _ => false,
    }
}

fn text(value: &str) -> IdedExpr {
    ided(Expr::Literal(LiteralValue::String(value.into())))
}

fn number(value: u64) -> IdedExpr {
    let value = i64::try_from(value).unwrap_or(i64::MAX);
    ided(Expr::Literal(LiteralValue::Int(value.into())))
}

/// Errors are told by names, so nodes need no ids.
fn ided(expr: Expr) -> IdedExpr {
    IdedExpr { id: 0, expr }
}
