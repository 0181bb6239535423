//! The names of what is put into expressions before they are evaluated, and of what they can name besides.

pub(super) const TICK: &str = "@tick";
pub(super) const ADD: &str = "@add";
pub(super) const SELECT: &str = "@select";
pub(super) const VARIABLE: &str = "@variable";
pub(super) const REQUEST_RESOURCE: &str = "@requestResource";

/// The types that expressions can name.
pub(super) const TYPES: [&str; 9] = [
    "bool",
    "bytes",
    "double",
    "int",
    "list",
    "map",
    "null_type",
    "string",
    "uint",
];
