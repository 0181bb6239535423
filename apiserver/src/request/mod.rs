//! The first step: what a request asks for; and what comes with it, its options and its body.

mod bodies;
mod body;
mod info;
mod manager;
mod options;
mod origin;
mod query;
mod refusal;
mod repeated;

pub(crate) use bodies::{Bodies, BodyRoom};
pub(crate) use body::{
    check_kind, conform, conform_as, content_type, decode, decode_as, decode_object,
    field_validation, read_body, schema_named, schema_of, unsupported,
};
pub(crate) use info::{RequestInfo, Target};
pub(crate) use manager::{FIELD_MANAGER, field_manager, options_kind};
pub(crate) use options::{
    DeleteOptions, ListOptions, Propagation, VersionMatch, WriteOptions, resource_version,
};
#[cfg(test)]
pub(crate) use origin::from_afar;
pub(crate) use origin::{Shutdown, is_remote};
pub(crate) use query::Query;
pub(crate) use refusal::{late, not_allowed, too_many, unknown};
pub(crate) use repeated::repeated_key;
