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
    let start = find_name(source, name).unwrap_or_default();
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
    let is_part = |char: char| char.is_alphanumeric() || char == '_';
    source.match_indices(name).map(|(at, _)| at).find(|at| {
        let before = source.get(..*at).unwrap_or_default();
        let after = source.get(at + name.len()..).unwrap_or_default();
        !before.ends_with(is_part) && !after.starts_with(is_part)
    })
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
    }
}
