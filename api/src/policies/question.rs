//! Questions about what somebody may do.

use serde_json::Value;

/// Who answers what somebody may do.
pub trait Authority: Send + Sync {
    /// Whether that is allowed; and why, or why not, where that is worth saying.
    fn decide(&self, question: &Question) -> (bool, String);
}

/// May somebody do that?
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Question {
    /// A namespace and a name, if it is about a ServiceAccount and not about the user.
    pub service_account: Option<(String, String)>,
    /// A path; then all that is about a resource is empty.
    pub path: Option<String>,
    /// Such as `create`.
    pub verb: String,
    /// An API group, empty for core.
    pub group: String,
    /// A plural.
    pub resource: String,
    /// Or empty.
    pub subresource: String,
    /// Or empty.
    pub namespace: String,
    /// Or empty.
    pub name: String,
}

impl Question {
    /// About what a request is about, without a verb.
    pub(super) fn about(request: &Value) -> Self {
        let text = |pointer: &str| {
            let text = request.pointer(pointer).and_then(Value::as_str);
            text.unwrap_or_default().to_owned()
        };
        Self {
            group: text("/resource/group"),
            resource: text("/resource/resource"),
            subresource: text("/subResource"),
            namespace: text("/namespace"),
            name: text("/name"),
            ..Self::default()
        }
    }
}
