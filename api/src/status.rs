//! The answer of the API to a request that failed (meta/v1 Status).

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::field;
use crate::{GroupKind, GroupResource};

/// Why a request failed, for programs (meta/v1 StatusReason).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)] // The names are the API's and say it all.
pub enum Reason {
    Unauthorized,
    Forbidden,
    NotFound,
    AlreadyExists,
    Conflict,
    Gone,
    Invalid,
    ServerTimeout,
    Timeout,
    TooManyRequests,
    BadRequest,
    MethodNotAllowed,
    NotAcceptable,
    RequestEntityTooLarge,
    UnsupportedMediaType,
    InternalError,
    Expired,
    ServiceUnavailable,
    /// None is given: a webhook refuses with a code and a message alone.
    #[serde(rename = "")]
    Unknown,
}

impl Reason {
    /// The HTTP status code that belongs to the reason.
    pub fn code(self) -> u16 {
        match self {
            Reason::BadRequest => 400,
            Reason::Unauthorized => 401,
            Reason::Forbidden => 403,
            Reason::NotFound => 404,
            Reason::MethodNotAllowed => 405,
            Reason::NotAcceptable => 406,
            Reason::AlreadyExists | Reason::Conflict => 409,
            Reason::Gone | Reason::Expired => 410,
            Reason::RequestEntityTooLarge => 413,
            Reason::UnsupportedMediaType => 415,
            Reason::Invalid => 422,
            Reason::TooManyRequests => 429,
            Reason::InternalError | Reason::ServerTimeout | Reason::Unknown => 500,
            Reason::ServiceUnavailable => 503,
            Reason::Timeout => 504,
        }
    }
}

/// One cause among several, usually a field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// For programs: `FieldValueRequired`, …
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// For people.
    pub message: String,
    /// The field, such as `spec.replicas`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub field: String,
}

/// What a failure is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct StatusDetails {
    /// The object's name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The API group.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// The kind, or the resource, as Kubernetes fills it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// The object's uid.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub uid: String,
    /// The single causes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<Cause>,
    /// When to come again, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_seconds: Option<u32>,
}

/// A failed request: what the client may see. What only the log may say stays with the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// For programs; gives the HTTP code.
    pub reason: Reason,
    /// For people.
    pub message: String,
    /// What it is about.
    pub details: Box<StatusDetails>,
    /// The HTTP code, if it is not the one that belongs to the reason.
    pub own_code: Option<u16>,
    /// With what a list goes on all the same (meta/v1 ListMeta `continue`).
    pub continue_token: Option<String>,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Status {}

impl Status {
    /// A failure with a reason and a message alone.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
            details: Box::default(),
            own_code: None,
            continue_token: None,
        }
    }

    fn about(mut self, resource: &GroupResource, name: &str) -> Self {
        self.details.group = resource.group.to_string();
        self.details.kind = resource.resource.to_string();
        self.details.name = name.to_owned();
        self
    }

    /// The HTTP status code.
    pub fn code(&self) -> u16 {
        self.own_code.unwrap_or_else(|| self.reason.code())
    }

    /// 404: `pods "a" not found`.
    pub fn not_found(resource: &GroupResource, name: &str) -> Self {
        Self::new(Reason::NotFound, format!("{resource} {name:?} not found")).about(resource, name)
    }

    /// 409: `pods "a" already exists`.
    pub fn already_exists(resource: &GroupResource, name: &str) -> Self {
        Self::new(
            Reason::AlreadyExists,
            format!("{resource} {name:?} already exists"),
        )
        .about(resource, name)
    }

    /// 409: `Operation cannot be fulfilled on pods "a": why`.
    pub fn conflict(resource: &GroupResource, name: &str, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {resource} {name:?}: {why}");
        Self::new(Reason::Conflict, message).about(resource, name)
    }

    /// 409, for a write from an old `resourceVersion`.
    pub fn modified(resource: &GroupResource, name: &str) -> Self {
        let why = "the object has been modified; please apply your changes to the latest version and try again";
        Self::conflict(resource, name, why)
    }

    /// 403: `pods "a" is forbidden: why`.
    pub fn forbidden(resource: &GroupResource, name: &str, why: &str) -> Self {
        let message = if name.is_empty() {
            format!("{resource} is forbidden: {why}")
        } else {
            format!("{resource} {name:?} is forbidden: {why}")
        };
        Self::new(Reason::Forbidden, message).about(resource, name)
    }

    /// 422: `Pod "a" is invalid: field: error`, or all of them in brackets. `errors` is not empty.
    pub fn invalid(kind: &GroupKind, name: &str, errors: &[field::Error]) -> Self {
        let mut words: Vec<String> = errors.iter().map(field::Error::to_string).collect();
        words.dedup();
        let all = if words.len() == 1 {
            words.remove(0)
        } else {
            format!("[{}]", words.join(", "))
        };
        let mut status = Self::new(
            Reason::Invalid,
            format!("{kind} {name:?} is invalid: {all}"),
        );
        status.details.group = kind.group.to_string();
        status.details.kind = kind.kind.to_string();
        status.details.name = name.to_owned();
        status.details.causes = errors
            .iter()
            .map(|error| Cause {
                reason: error.kind.reason().to_owned(),
                message: error.body(),
                field: error.path.to_string(),
            })
            .collect();
        status
    }

    /// 400.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(Reason::BadRequest, message)
    }

    /// 401.
    pub fn unauthorized() -> Self {
        Self::new(Reason::Unauthorized, "Unauthorized")
    }

    /// 500: the client learns what failed in one sentence; the log has the rest.
    pub fn internal(message: impl Into<String>) -> Self {
        let mut status = Self::new(
            Reason::InternalError,
            format!("Internal error occurred: {}", message.into()),
        );
        status.details.causes = vec![Cause {
            reason: String::new(),
            message: status.message.clone(),
            field: String::new(),
        }];
        status
    }

    /// 410: a resourceVersion or continue token is too old.
    pub fn expired(message: impl Into<String>) -> Self {
        Self::new(Reason::Expired, message)
    }

    /// The body: `{"kind":"Status","apiVersion":"v1",…}`.
    pub fn to_json(&self) -> serde_json::Value {
        let mut body = serde_json::json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.code(),
        });
        if *self.details != StatusDetails::default() {
            body["details"] = serde_json::json!(self.details);
        }
        if let Some(token) = &self.continue_token {
            body["metadata"]["continue"] = token.as_str().into();
        }
        body
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::field::{Error, Path};

    fn deployments() -> GroupResource {
        GroupResource {
            group: "apps".into(),
            resource: "deployments".into(),
        }
    }

    #[test]
    fn failures_are_worded_as_kubernetes_words_them() {
        let pods = GroupResource {
            group: "".into(),
            resource: "pods".into(),
        };
        let cases = [
            (Status::not_found(&pods, "a"), 404, "pods \"a\" not found"),
            (
                Status::already_exists(&deployments(), "a"),
                409,
                "deployments.apps \"a\" already exists",
            ),
            (
                Status::modified(&deployments(), "a"),
                409,
                "Operation cannot be fulfilled on deployments.apps \"a\": the object has been modified; \
                 please apply your changes to the latest version and try again",
            ),
            (
                Status::forbidden(&pods, "a", "no"),
                403,
                "pods \"a\" is forbidden: no",
            ),
            (
                Status::forbidden(&pods, "", "no"),
                403,
                "pods is forbidden: no",
            ),
            (
                Status::internal("disk full"),
                500,
                "Internal error occurred: disk full",
            ),
        ];
        for (status, code, words) in cases {
            assert_eq!((status.code(), status.to_string().as_str()), (code, words));
        }
    }

    #[test]
    fn an_invalid_object_has_a_cause_for_each_field() {
        let kind = GroupKind {
            group: "apps".into(),
            kind: "Deployment".into(),
        };
        let replicas = Error::invalid(
            &Path::root("spec").child("replicas"),
            -1,
            "must not be negative",
        );
        let selector = Error::required(&Path::root("spec").child("selector"), "");
        let one = Status::invalid(&kind, "a", std::slice::from_ref(&replicas));
        let words = "Deployment.apps \"a\" is invalid: spec.replicas: Invalid value: -1: must not be negative";
        assert_eq!(one.message, words);
        let two = Status::invalid(&kind, "a", &[replicas, selector]);
        let expected = json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": "Deployment.apps \"a\" is invalid: \
                [spec.replicas: Invalid value: -1: must not be negative, spec.selector: Required value]",
            "reason": "Invalid",
            "details": {
                "name": "a",
                "group": "apps",
                "kind": "Deployment",
                "causes": [
                    {
                        "reason": "FieldValueInvalid",
                        "message": "Invalid value: -1: must not be negative",
                        "field": "spec.replicas",
                    },
                    { "reason": "FieldValueRequired", "message": "Required value", "field": "spec.selector" },
                ],
            },
            "code": 422,
        });
        assert_eq!(two.to_json(), expected);
    }
}
