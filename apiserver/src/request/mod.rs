//! The first step: what a request asks for; and what comes with it, its options and its body.

mod body;
mod info;
mod options;
mod query;

pub(crate) use body::{
    check_kind, conform, content_type, decode, decode_object, read_body, schema_of, unsupported,
};
pub(crate) use info::{RequestInfo, Target};
pub(crate) use options::{DeleteOptions, ListOptions, Propagation, VersionMatch, WriteOptions};
pub(crate) use query::Query;
