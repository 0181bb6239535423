//! The rules of Kubernetes objects, without I/O.
//!
//! In: objects as JSON values, as users and components wrote them. Out: the same objects with defaults, errors that name
//! the field, patched objects, tables, and what each kind is called.
//!
//! ```text
//!   Registry ──► Descriptor (names, scope, subresources, columns) ──► Schema   (types, merge keys, documentation)
//!                     └──► Strategy (a kind's own rules: defaults, validation, cells)   one file a kind in `kinds/`
//!   patch: JSON, merge, strategic      selectors: labels, fields      errors: field::Error ──► Status
//! ```

mod descriptor;
pub mod field;
mod status;
mod strategy;
mod user;

pub use descriptor::{
    Column, Descriptor, GroupKind, GroupResource, Registry, ScalePaths, Scope, Subresources, Verb,
};
pub use status::{Cause, Reason, Status, StatusDetails};
pub use strategy::{Plain, Strategy};
pub use user::UserInfo;
