//! The bodies that pass through.

use std::error::Error;

use bytes::Bytes;
use http_body_util::{Either, Empty, Full, LengthLimitError, Limited};
use hyper::body::Incoming;

/// The longest request body, in bytes. Bodies are passed on as they come: it bounds time, not memory.
pub(crate) const MAX_REQUEST: usize = 1 << 30;

/// A request's body on its way to an endpoint.
pub(crate) type RequestBody = Either<Empty<Bytes>, Limited<Incoming>>;
/// An answer's body: an endpoint's, or a page of ours.
pub(crate) type ResponseBody = Either<Incoming, Full<Bytes>>;

/// Whether a request failed because its body was too long.
pub(crate) fn is_too_long(error: &hyper::Error) -> bool {
    let mut source = error.source();
    while let Some(error) = source {
        if error.is::<LengthLimitError>() {
            return true;
        }
        source = error.source();
    }
    false
}
