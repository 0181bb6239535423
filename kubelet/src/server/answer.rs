use axum::response::{IntoResponse, Response};
use http::StatusCode;

/// A request that cannot be served: a code and words, as plain text like the kubelet's.
#[derive(Debug)]
pub(super) struct Refused(StatusCode, String);

impl Refused {
    pub(super) fn new(code: StatusCode, words: impl Into<String>) -> Self {
        Self(code, words.into())
    }

    pub(super) fn bad_request(words: impl Into<String>) -> Self {
        Self(StatusCode::BAD_REQUEST, words.into())
    }

    pub(super) fn not_found(words: impl Into<String>) -> Self {
        Self(StatusCode::NOT_FOUND, words.into())
    }

    pub(super) fn internal(words: impl Into<String>) -> Self {
        Self(StatusCode::INTERNAL_SERVER_ERROR, words.into())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.0, self.1).into_response()
    }
}
