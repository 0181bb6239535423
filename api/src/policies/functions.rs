//! What expressions can call: CEL, Kubernetes' libraries, and what [`super::rewrite`] puts in.

use std::sync::{Arc, LazyLock};

use kube_cel::KubeCelExt as _;
use kube_cel::cel::IdedExpr;
use kube_cel::cel::common::ast::{CallExpr, Expr, LiteralValue};
use kube_cel::cel::extractors::{Arguments, This};
use kube_cel::cel::objects::Key;
use kube_cel::cel::{Context, ExecutionError, FunctionContext, ResolveResult, Value};

use super::calls::{ADD, SELECT, TICK, TYPES, VARIABLE};
use super::run::Run;
use super::{authorizer, values};

/// All functions, and no names. They are many, so there is one table of them.
pub(super) static BASE: LazyLock<Context<'static>> = LazyLock::new(|| {
    let mut base = Context::default().with_all();
    base.add_function(TICK, tick);
    base.add_function(ADD, add);
    base.add_function(SELECT, select);
    base.add_function(VARIABLE, variable);
    base.add_function("dyn", |value: Value| -> ResolveResult { Ok(value) });
    base.add_function("type", |value: Value| -> ResolveResult {
        Ok(type_named(type_of(&value)))
    });
    for name in TYPES {
        base.add_variable_from_value(name, type_named(name));
    }
    // As in the libraries, but what comes out is paid for before it is made.
    base.add_function("lists.range", range);
    base.add_function("replace", replace);
    base.add_function("join", join);
    authorizer::register(&mut base);
    base
});

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Bool(_) => "bool",
        Value::Bytes(_) => "bytes",
        Value::Float(_) => "double",
        Value::Int(_) => "int",
        Value::List(_) => "list",
        Value::Map(_) => "map",
        Value::Null => "null_type",
        Value::String(_) => "string",
        Value::UInt(_) => "uint",
        _ => "dyn",
    }
}

/// A type as a value: nothing can be done with it but comparing it.
fn type_named(name: &str) -> Value {
    Value::String(Arc::new(name.to_owned()))
}

/// What a function makes of a text, such as `timestamp`; `None` if it is none.
pub(crate) fn converted(function: &str, text: &str) -> Option<Value> {
    let text = Expr::Literal(LiteralValue::String(text.into()));
    let call = Expr::Call(CallExpr {
        func_name: function.to_owned(),
        target: None,
        args: vec![IdedExpr { id: 0, expr: text }],
    });
    Value::resolve(&IdedExpr { id: 0, expr: call }, &BASE).ok()
}

/// Pays for a round of a loop.
fn tick(context: &FunctionContext<'_, '_>, nodes: i64, reads: i64) -> ResolveResult {
    let run = Run::of(context)?;
    run.pay(nodes.unsigned_abs(), reads.unsigned_abs())?;
    Ok(Value::Bool(true))
}

fn add(context: &FunctionContext<'_, '_>, left: Value, right: Value) -> ResolveResult {
    let is_large = |value: &Value| {
        matches!(
            value,
            Value::String(_) | Value::List(_) | Value::Bytes(_) | Value::Map(_)
        )
    };
    if is_large(&left) || is_large(&right) {
        let size = values::cel_size(&left) + values::cel_size(&right);
        Run::of(context)?.pay(size / 10, 0)?;
    }
    match (left, right) {
        (Value::Bytes(left), Value::Bytes(right)) => {
            Ok(Value::Bytes(Arc::new([&left[..], &right[..]].concat())))
        }
        (left, right) => left + right,
    }
}

/// A field that may be missing, of a value that may be missing.
fn select(operand: Value, field: Arc<String>) -> ResolveResult {
    let operand = match values::optional(&operand) {
        Some(None) => return Ok(operand),
        Some(Some(inner)) => inner,
        None => operand,
    };
    match operand {
        Value::Map(map) => {
            let value = map.map.get(&Key::String(field)).cloned();
            Ok(values::to_optional(value))
        }
        Value::Null => Ok(values::to_optional(None)),
        _ => Err(ExecutionError::NoSuchOverload),
    }
}

fn variable(context: &FunctionContext<'_, '_>, index: i64) -> ResolveResult {
    let run = Run::of(context)?;
    let value = run.variable(usize::try_from(index).unwrap_or(usize::MAX), context.ptx)?;
    run.pay(values::cel_size(&value) / 10, 0)?;
    Ok(value)
}

fn range(context: &FunctionContext<'_, '_>, length: i64) -> ResolveResult {
    let Ok(items) = u64::try_from(length) else {
        return Err(context.error("range argument must be non-negative"));
    };
    Run::of(context)?.pay(items, 0)?;
    Ok(Value::List(Arc::new((0..length).map(Value::Int).collect())))
}

/// `<text>.replace(<from>, <to>[, <times>])`
fn replace(
    context: &FunctionContext<'_, '_>,
    This(text): This<Arc<String>>,
    Arguments(args): Arguments,
) -> ResolveResult {
    let (from, to, times) = match args.as_slice() {
        [Value::String(from), Value::String(to)] => (from, to, usize::MAX),
        [Value::String(from), Value::String(to), Value::Int(times)] => {
            (from, to, usize::try_from(*times).unwrap_or(usize::MAX))
        }
        _ => return Err(ExecutionError::NoSuchOverload),
    };
    let places = text.matches(from.as_str()).take(times).count();
    let bytes = text.len().saturating_add(places.saturating_mul(to.len()));
    Run::of(context)?.pay(bytes as u64 / 10, 0)?;
    let replaced = text.replacen(from.as_str(), to, times);
    Ok(Value::String(Arc::new(replaced)))
}

/// `<list>.join([<separator>])`
fn join(
    context: &FunctionContext<'_, '_>,
    This(list): This<Arc<Vec<Value>>>,
    Arguments(args): Arguments,
) -> ResolveResult {
    let separator = match args.as_slice() {
        [] => "",
        [Value::String(separator)] => separator.as_str(),
        _ => return Err(ExecutionError::NoSuchOverload),
    };
    let texts = list.iter().map(|item| match item {
        Value::String(text) => Ok(text.as_str()),
        _ => Err(ExecutionError::NoSuchOverload),
    });
    let texts = texts.collect::<Result<Vec<&str>, _>>()?;
    let bytes: usize = texts.iter().map(|text| text.len() + separator.len()).sum();
    Run::of(context)?.pay(bytes as u64 / 10, 0)?;
    Ok(Value::String(Arc::new(texts.join(separator))))
}
