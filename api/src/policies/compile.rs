//! Compiling the expressions of a policy.

use kube_cel::cel::IdedExpr;
use serde_json::Value;

use super::expression::{Expression, Names, Variable};
use super::parser::parse;
use super::rewrite::{self, Measure};
use crate::stack::{OF_ANY_DEPTH, on_a_stack};

/// The longest expression, in bytes.
const LONGEST: usize = 16 << 10;

impl Expression {
    /// Compiles an expression; or says what is wrong with it.
    pub(crate) fn compile(source: &str, names: Names<'_>) -> Result<Self, String> {
        let failed = |why: String| format!("compilation failed: {why}");
        if source.len() > LONGEST {
            return Err(format!("may not be more than {LONGEST} bytes"));
        }
        let parsed = on_a_stack(OF_ANY_DEPTH, || measured(source, names)).flatten();
        let (tree, measure) = parsed.map_err(failed)?;
        Ok(Self {
            source: source.to_owned(),
            tree,
            cost: measure.cost,
            depth: measure.depth,
            uses_old: measure.uses_old,
        })
    }
}

fn measured(source: &str, names: Names<'_>) -> Result<(IdedExpr, Measure), String> {
    let mut tree = parse(source)?;
    let measure = rewrite::rewrite(&mut tree, source, names)?;
    Ok((tree, measure))
}

impl Names<'_> {
    /// What the conditions of a policy may name; its other expressions know its variables as well.
    pub(crate) fn of_policy(spec: &Value) -> Self {
        Self {
            params: spec["paramKind"].is_object(),
            ..Self::default()
        }
    }
}

impl Variable {
    /// Compiles the variables of a policy.
    pub(super) fn compile_all(spec: &Value, names: Names<'_>) -> Result<Vec<Self>, String> {
        let mut variables: Vec<Self> = Vec::new();
        for stored in spec["variables"].as_array().into_iter().flatten() {
            let text = |field: &str| stored[field].as_str().unwrap_or_default();
            let variable = Self::compile(text("name"), text("expression"), &variables, names)?;
            variables.push(variable);
        }
        Ok(variables)
    }

    /// Compiles a variable, whose expression may name those `before` it.
    pub(crate) fn compile(
        name: &str,
        source: &str,
        before: &[Self],
        names: Names<'_>,
    ) -> Result<Self, String> {
        let names = Names {
            variables: Some(before),
            ..names
        };
        Ok(Self {
            name: name.to_owned(),
            value: Expression::compile(source, names)?,
        })
    }
}

/// What is wrong with an expression, in words.
pub(crate) fn wrong_with(source: &str, names: Names<'_>) -> Option<String> {
    Expression::compile(source, names).err()
}
