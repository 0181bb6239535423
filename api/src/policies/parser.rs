//! Expressions to trees.

use kube_cel::cel::IdedExpr;
use kube_cel::cel::parser::Parser;

/// The tree of an expression; or what is wrong with it. Needs a stack for any depth.
pub(crate) fn parse(source: &str) -> Result<IdedExpr, String> {
    let parser = Parser::new().enable_optional_syntax(true);
    parser.parse(source).map_err(|errors| errors.to_string())
}
