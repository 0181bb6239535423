use axum::response::{IntoResponse, Response};
use http::StatusCode;

use crate::streams::{HandshakeError, StreamError};

/// A request that cannot be served: a code and words, as plain text like the kubelet's.
#[derive(Debug)]
pub(super) struct Refused(StatusCode, String);

impl Refused {
    pub(super) fn bad_request(words: impl Into<String>) -> Self {
        Self(StatusCode::BAD_REQUEST, words.into())
    }

    pub(super) fn unauthorized() -> Self {
        Self(StatusCode::UNAUTHORIZED, "Unauthorized".to_owned())
    }

    pub(super) fn forbidden(words: impl Into<String>) -> Self {
        Self(StatusCode::FORBIDDEN, words.into())
    }

    pub(super) fn not_found(words: impl Into<String>) -> Self {
        Self(StatusCode::NOT_FOUND, words.into())
    }

    pub(super) fn internal(words: impl Into<String>) -> Self {
        Self(StatusCode::INTERNAL_SERVER_ERROR, words.into())
    }
}

impl From<HandshakeError> for Refused {
    fn from(error: HandshakeError) -> Self {
        Self(error.status(), error.to_string())
    }
}

impl From<StreamError> for Refused {
    fn from(error: StreamError) -> Self {
        match error {
            StreamError::Handshake(error) => error.into(),
            StreamError::Refused { status, words } => Self(status, words),
            error => Self::internal(error.to_string()),
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.0, self.1).into_response()
    }
}
