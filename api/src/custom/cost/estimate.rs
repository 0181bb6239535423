//! The cost of an expression, piece by piece.

use kube_cel::cel::IdedExpr;
use kube_cel::cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr, LiteralValue, operators,
};
use serde_json::Value;

use super::calls;
use super::known::Known;
use crate::policies::parse;
use crate::stack::{OF_ANY_DEPTH, on_a_stack};

/// For a new list, a new map, a new object.
const LIST: u64 = 10;
const MAP: u64 = 30;
const OBJECT: u64 = 40;

/// What an expression of a rule costs at most each time; `None` if it is none. `schema` is what the rule is about.
pub(crate) fn of_expression(source: &str, schema: &Value) -> Option<u64> {
    let estimated = on_a_stack(OF_ANY_DEPTH, || {
        let tree = parse(source).ok()?;
        let mut walk = Walk {
            schema,
            bound: Vec::new(),
        };
        Some(walk.visit(&tree).0)
    });
    estimated.ok().flatten()
}

struct Walk<'s> {
    schema: &'s Value,
    /// What loops around this place bind.
    bound: Vec<(String, Known<'s>)>,
}

impl<'s> Walk<'s> {
    /// What a piece costs, and what comes out of it.
    fn visit(&mut self, node: &IdedExpr) -> (u64, Known<'s>) {
        match &node.expr {
            Expr::Literal(literal) => (0, of_literal(literal)),
            Expr::Ident(name) => (1, self.reference(name)),
            Expr::Select(select) => {
                let (cost, operand) = self.visit(&select.operand);
                match select.test {
                    true => (cost, Known::Scalar),
                    false => (cost.saturating_add(1), operand.field(&select.field)),
                }
            }
            Expr::Call(call) => self.call(call),
            Expr::List(list) => {
                let (mut cost, mut each) = (LIST, Known::Scalar);
                for element in &list.elements {
                    let (more, known) = self.visit(element);
                    cost = cost.saturating_add(more);
                    each = each.or(known);
                }
                (
                    cost,
                    Known::Many(Box::new(each), list.elements.len() as u64),
                )
            }
            Expr::Map(map) => {
                let entries = map.entries.iter().map(|entry| &entry.expr);
                (self.entries(MAP, entries), Known::Anything)
            }
            Expr::Struct(object) => {
                let entries = object.entries.iter().map(|entry| &entry.expr);
                (self.entries(OBJECT, entries), Known::Anything)
            }
            Expr::Comprehension(it) => self.comprehension(it),
            Expr::Unspecified => (0, Known::Scalar),
        }
    }

    fn reference(&self, name: &str) -> Known<'s> {
        let mut bound = self.bound.iter().rev();
        match bound.find(|(known, _)| known == name) {
            Some((_, known)) => known.clone(),
            None if matches!(name, "self" | "oldSelf") => Known::Of(self.schema),
            None => Known::Scalar,
        }
    }

    fn entries<'e>(&mut self, base: u64, entries: impl Iterator<Item = &'e EntryExpr>) -> u64 {
        entries.fold(base, |cost, entry| {
            let more = match entry {
                EntryExpr::StructField(field) => self.visit(&field.value).0,
                EntryExpr::MapEntry(entry) => {
                    let key = self.visit(&entry.key).0;
                    key.saturating_add(self.visit(&entry.value).0)
                }
            };
            cost.saturating_add(more)
        })
    }

    fn call(&mut self, call: &CallExpr) -> (u64, Known<'s>) {
        let args: Vec<_> = call
            .target
            .iter()
            .map(|target| &**target)
            .chain(&call.args)
            .collect();
        let (mut costs, mut known) = (Vec::new(), Vec::new());
        for arg in args {
            let (cost, value) = self.visit(arg);
            costs.push(cost);
            known.push(value);
        }
        let all = costs
            .iter()
            .fold(0, |sum: u64, cost| sum.saturating_add(*cost));
        match (call.func_name.as_str(), costs.as_slice()) {
            (operators::LOGICAL_AND | operators::LOGICAL_OR, _) => (all, Known::Scalar),
            (operators::CONDITIONAL, [condition, yes, no]) => {
                let cost = condition.saturating_add(*yes.max(no));
                let otherwise = known.pop().unwrap_or(Known::Scalar);
                (cost, known.pop().unwrap_or(Known::Scalar).or(otherwise))
            }
            (operators::OPT_SELECT, _) => {
                let field = match call.args.last().map(|field| &field.expr) {
                    Some(Expr::Literal(LiteralValue::String(field))) => {
                        known[0].field(field.inner())
                    }
                    _ => Known::Anything,
                };
                (all.saturating_add(1), field)
            }
            (name, _) => {
                let (cost, result) = calls::cost(name, &known);
                (all.saturating_add(cost), result)
            }
        }
    }

    /// A loop costs its rounds: as many as the list may have items.
    fn comprehension(&mut self, it: &ComprehensionExpr) -> (u64, Known<'s>) {
        let (of_range, range) = self.visit(&it.iter_range);
        let (of_start, start) = self.visit(&it.accu_init);
        let bound = self.bound.len();
        self.bound.push((it.accu_var.clone(), start.clone()));
        self.bound.push((it.iter_var.clone(), range.rounds()));
        if let Some(second) = &it.iter_var2 {
            self.bound.push((second.clone(), range.values()));
        }
        let (of_condition, _) = self.visit(&it.loop_cond);
        let (of_step, step) = self.visit(&it.loop_step);
        self.bound.truncate(bound + 1);
        let (of_result, _) = self.visit(&it.result);
        self.bound.truncate(bound);
        let rounds = range
            .size()
            .saturating_mul(of_condition.saturating_add(of_step));
        let cost = [of_range, of_start, of_result, rounds];
        let cost = cost
            .iter()
            .fold(0, |sum: u64, cost| sum.saturating_add(*cost));
        let result = match (start, step) {
            (Known::Many(..), Known::Many(each, _)) => Known::Many(each, range.size()),
            _ => Known::Scalar,
        };
        (cost, result)
    }
}

fn of_literal<'s>(literal: &LiteralValue) -> Known<'s> {
    match literal {
        LiteralValue::String(text) => Known::Text(text.inner().len() as u64),
        LiteralValue::Bytes(bytes) => Known::Text(bytes.inner().len() as u64),
        _ => Known::Scalar,
    }
}
