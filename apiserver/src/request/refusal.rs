//! What is said to who asks for what there is not.

use skiff_api::{Reason, Status};

/// 404, for a path that means nothing.
pub(crate) fn unknown() -> Status {
    Status::new(
        Reason::NotFound,
        "the server could not find the requested resource",
    )
}

/// 405.
pub(crate) fn not_allowed() -> Status {
    Status::new(
        Reason::MethodNotAllowed,
        "the server does not allow this method on the requested resource",
    )
}

/// 504, worded as Kubernetes words it.
pub(crate) fn late() -> Status {
    let message = "Timeout: request did not complete within the allotted timeout";
    Status::new(Reason::Timeout, message)
}

/// 429, for what there is no room for.
pub(crate) fn too_many() -> Status {
    let message = "Too many requests, please try again later.";
    let mut status = Status::new(Reason::TooManyRequests, message);
    status.details.retry_after_seconds = Some(1);
    status
}
