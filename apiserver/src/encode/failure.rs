//! Failures as answers.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use skiff_api::Status;

/// A failed request.
pub(crate) struct Failure(pub(crate) Status);

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let Self(status) = self;
        let code = StatusCode::from_u16(status.code()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = super::json(code, &status.to_json());
        if let Some(seconds) = status.details.retry_after_seconds {
            let value = HeaderValue::from(seconds);
            response.headers_mut().insert(header::RETRY_AFTER, value);
        }
        response
    }
}
