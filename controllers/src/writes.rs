//! Small things that every write to the API needs.

use kube::api::{DeleteParams, Preconditions};
use kube::core::Status;

/// A deletion of exactly this object, not of a later one of the same name.
pub(crate) fn only(uid: &str) -> DeleteParams {
    DeleteParams {
        preconditions: Some(Preconditions {
            uid: Some(uid.to_owned()),
            resource_version: None,
        }),
        ..DeleteParams::default()
    }
}

/// The API server's answer, if that is what the error is.
pub(crate) fn status_of(error: &kube::Error) -> Option<&Status> {
    match error {
        kube::Error::Api(status) => Some(status),
        _ => None,
    }
}

/// Whether there is no such object.
pub(crate) fn is_gone(error: &kube::Error) -> bool {
    status_of(error).is_some_and(|status| status.code == 404)
}

/// Whether a continue token was refused because the history has moved on.
pub(crate) fn is_expired(error: &kube::Error) -> bool {
    status_of(error).is_some_and(|status| status.code == 410)
}

/// Whether a create was refused because an object of that name exists.
pub(crate) fn exists(error: &kube::Error) -> bool {
    status_of(error).is_some_and(|status| status.reason == "AlreadyExists")
}

/// Whether a create was refused because the namespace is being deleted: nothing to tell the user, nothing to try again.
pub(crate) fn namespace_is_terminating(error: &kube::Error) -> bool {
    status_of(error).is_some_and(|status| {
        status.code == 403
            && status
                .details
                .iter()
                .flat_map(|details| &details.causes)
                .any(|cause| cause.reason == "NamespaceTerminating")
    })
}

/// What the API server said, in the words that belong into an event.
pub(crate) fn words(error: &kube::Error) -> String {
    match status_of(error) {
        Some(status) => status.message.clone(),
        None => error.to_string(),
    }
}

/// A counter of a status: Kubernetes leaves out those that are 0.
pub(crate) fn nonzero(count: i32) -> Option<i32> {
    (count != 0).then_some(count)
}

/// The sizes of the batches in which `count` Pods are made: 1, 2, 4 …, so that a create that cannot succeed fails
/// once and not `count` times.
pub(crate) fn batches(count: usize) -> impl Iterator<Item = usize> {
    let mut left = count;
    let mut size = 1;
    std::iter::from_fn(move || {
        let batch = size.min(left);
        left -= batch;
        size *= 2;
        (batch > 0).then_some(batch)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_double_and_add_up() {
        let cases: [(usize, &[usize]); 4] =
            [(0, &[]), (1, &[1]), (3, &[1, 2]), (10, &[1, 2, 4, 3])];
        for (count, expected) in cases {
            assert_eq!(batches(count).collect::<Vec<_>>(), expected);
        }
    }
}
