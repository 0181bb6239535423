//! Answers of our own.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::{Either, Full};

use crate::body::ResponseBody;

/// A page that says what went wrong.
pub(crate) fn page(status: StatusCode, why: &str) -> Response<ResponseBody> {
    let text = format!("{status}: {why}\n");
    let mut response = Response::new(Either::Right(Full::new(Bytes::from(text))));
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, plain);
    response
}
