//! The first step: what a request asks for, read from its method and URL alone.

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

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use std::sync::Arc;

/// Reads what the request asks for and hands it on as an extension.
pub(crate) async fn read(mut request: Request, next: Next) -> Response {
    let info = RequestInfo::read(request.method(), request.uri());
    request.extensions_mut().insert(Arc::new(info));
    next.run(request).await
}
