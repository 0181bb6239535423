//! Errors of CEL in the words of Kubernetes' evaluator (cel-go).

use kube_cel::cel::ExecutionError;

/// Why an expression has no value.
pub(super) fn why(error: &ExecutionError) -> String {
    match error {
        ExecutionError::NoSuchKey(key) => format!("no such key: {key}"),
        ExecutionError::NoSuchOverload
        | ExecutionError::UnexpectedType { .. }
        | ExecutionError::UnsupportedTargetType { .. }
        | ExecutionError::UnsupportedUnaryOperator(..)
        | ExecutionError::UnsupportedBinaryOperator(..)
        | ExecutionError::ValuesNotComparable(..) => "no such overload".to_owned(),
        ExecutionError::UndeclaredReference(name) => undeclared(name),
        ExecutionError::FunctionError { message, .. } => message.clone(),
        ExecutionError::DivisionByZero(_) => "division by zero".to_owned(),
        ExecutionError::RemainderByZero(_) => "modulus by zero".to_owned(),
        ExecutionError::Overflow(..) => "integer overflow".to_owned(),
        other => other.to_string(),
    }
}

/// A name that an expression does not know.
pub(super) fn undeclared(name: &str) -> String {
    format!("undeclared reference to '{name}' (in container '')")
}

/// What is wrong at a name in an expression, with its place: the first where the name stands.
pub(super) fn at(source: &str, name: &str, why: &str) -> String {
    placed(source, find_name(source, name).unwrap_or_default(), why)
}

/// What is wrong with a field, with the place of its dot; it is the `nth` field of that name.
pub(super) fn at_field(source: &str, field: &str, nth: usize, why: &str) -> String {
    let dotted = format!(".{field}");
    let is_whole = |at: &usize| {
        let after = source.get(at + dotted.len()..).unwrap_or_default();
        !after.starts_with(is_part)
    };
    let all = source.match_indices(&dotted).map(|(at, _)| at);
    placed(
        source,
        all.filter(is_whole).nth(nth).unwrap_or_default(),
        why,
    )
}

/// What is wrong with what an operator (`_>_`) is given, with the place of the first of its kind.
pub(super) fn at_operator(source: &str, operator: &str, why: &str) -> String {
    let sign = operator
        .trim_matches('_')
        .split('_')
        .next()
        .unwrap_or_default();
    placed(source, source.find(sign).unwrap_or_default(), why)
}

fn placed(source: &str, start: usize, why: &str) -> String {
    let before = source.get(..start).unwrap_or_default();
    let number = before.matches('\n').count() + 1;
    let column = before
        .chars()
        .rev()
        .take_while(|char| *char != '\n')
        .count();
    let line = source.lines().nth(number - 1).unwrap_or_default();
    let dots = ".".repeat(column);
    format!(
        "ERROR: <input>:{number}:{}: {why}\n | {line}\n | {dots}^",
        column + 1
    )
}

/// Where a name stands for itself, not in a longer one.
fn find_name(source: &str, name: &str) -> Option<usize> {
    source.match_indices(name).map(|(at, _)| at).find(|at| {
        let before = source.get(..*at).unwrap_or_default();
        let after = source.get(at + name.len()..).unwrap_or_default();
        !before.ends_with(is_part) && !after.starts_with(is_part)
    })
}

fn is_part(char: char) -> bool {
    char.is_alphanumeric() || char == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_shows_its_place() {
        assert_eq!(
            at("object.foo > 1 &&\n  foo", "foo", "no"),
            "ERROR: <input>:1:8: no\n | object.foo > 1 &&\n | .......^"
        );
        assert_eq!(
            at("food &&\n  foo", "foo", "no"),
            "ERROR: <input>:2:3: no\n |   foo\n | ..^"
        );
        assert_eq!(
            at_field("a.food && a.foo", "foo", 0, "no"),
            "ERROR: <input>:1:12: no\n | a.food && a.foo\n | ...........^"
        );
    }
}
