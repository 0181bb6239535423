//! What calls cost, by what they are called with (cel-go, checker/cost.go; k8s.io/apiserver/pkg/cel/library/cost.go).

use kube_cel::cel::common::ast::operators;

use super::known::Known;
use super::size::scaled;

/// For each byte of a text that is read.
pub(super) const OF_TEXT: f64 = 0.1;
/// For each byte of a regular expression.
const OF_PATTERN: f64 = 0.25;

/// What a call costs beside its arguments, and what comes out. The target of a method is its first argument.
pub(super) fn cost<'s>(name: &str, args: &[Known<'s>]) -> (u64, Known<'s>) {
    let size = |at: usize| args.get(at).map_or(1, Known::size);
    let text = |at: usize| scaled(size(at), OF_TEXT);
    let of = |at: usize| args.get(at).cloned().unwrap_or(Known::Scalar);
    match name {
        operators::EQUALS | operators::NOT_EQUALS => {
            (scaled(size(0).min(size(1)), OF_TEXT), Known::Scalar)
        }
        operators::LESS
        | operators::LESS_EQUALS
        | operators::GREATER
        | operators::GREATER_EQUALS
            if of(0).is_text() || of(1).is_text() =>
        {
            (scaled(size(0).min(size(1)), OF_TEXT), Known::Scalar)
        }
        operators::ADD => sum(of(0), of(1)),
        operators::IN if of(1).is_list() => (size(1), Known::Scalar),
        operators::INDEX | operators::OPT_INDEX => (1, of(0).values()),
        "startsWith" | "endsWith" => (text(1), Known::Scalar),
        "contains" => (text(0).saturating_mul(text(1)), Known::Scalar),
        "matches" => (pattern(size(0), size(1)), Known::Scalar),
        "find" => (pattern(size(0), size(1)), Known::Text(size(0))),
        "findAll" => {
            let found = Known::Many(Box::new(Known::Text(size(0))), size(0));
            (pattern(size(0), size(1)), found)
        }
        "lowerAscii" | "upperAscii" | "substring" | "trim" | "replace" => {
            (text(0), Known::Text(size(0)))
        }
        "split" => {
            let parts = Known::Many(Box::new(Known::Text(size(0))), size(0));
            (text(0), parts)
        }
        "join" => {
            let separator = args.get(1).map_or(0, Known::size);
            let all = size(0).saturating_mul(of(0).values().size().saturating_add(separator));
            (scaled(all, OF_TEXT), Known::Text(all))
        }
        "isSorted" | "sum" | "max" | "min" | "indexOf" | "lastIndexOf" if of(0).is_list() => {
            let each = of(0).values();
            let compared = if each.is_text() {
                scaled(each.size(), OF_TEXT)
            } else {
                0
            };
            let cost = size(0).saturating_mul(compared.saturating_add(1));
            (
                cost,
                if name == "max" || name == "min" {
                    each
                } else {
                    Known::Scalar
                },
            )
        }
        "indexOf" | "lastIndexOf" | "url" | "isURL" | "ip" | "isIP" | "cidr" | "isCIDR"
        | "quantity" | "isQuantity" => (text(0), Known::Scalar),
        // What they take comes out again.
        "dyn" | "value" | "orValue" | "or" | "of" | "ofNonZeroValue" => {
            (1, args.iter().cloned().fold(Known::Scalar, Known::or))
        }
        "string" if !of(0).is_text() => (1, Known::Text(LONGEST_NUMBER)),
        "string" => (1, of(0)),
        _ => (1, Known::Scalar),
    }
}

/// The longest text that a number becomes.
const LONGEST_NUMBER: u64 = 32;

fn sum<'s>(left: Known<'s>, right: Known<'s>) -> (u64, Known<'s>) {
    let size = left.size().saturating_add(right.size());
    match (&left, &right) {
        _ if left.is_text() || right.is_text() => (scaled(size, OF_TEXT), Known::Text(size)),
        _ if left.is_list() || right.is_list() => {
            let each = if matches!(left, Known::Many(..)) && left.size() == 0 {
                right.values()
            } else {
                left.values().or(right.values())
            };
            (1, Known::Many(Box::new(each), size))
        }
        _ => (1, Known::Scalar),
    }
}

/// A pattern that is tried on a text. Also an empty text has a cost.
fn pattern(text: u64, pattern: u64) -> u64 {
    let text = scaled(text.saturating_add(1), OF_TEXT);
    text.saturating_mul(scaled(pattern, OF_PATTERN))
}
