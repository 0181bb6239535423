//! One binding: where a policy holds, with which parameters, and what follows.

use serde::Deserialize;
use serde_json::Value;

use super::constraints::Constraints;

/// Which objects are the parameters.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ParamRef {
    pub(super) name: String,
    pub(super) namespace: String,
    pub(super) selector: Value,
    pub(super) parameter_not_found_action: String,
}

/// One binding.
pub(super) struct Binding {
    pub(super) name: String,
    /// The policy that it puts into force.
    pub(super) policy: String,
    /// If it is not about all that its policy is about.
    pub(super) constraints: Option<Constraints>,
    pub(super) params: Option<ParamRef>,
    /// Whether what the policy refuses is refused.
    pub(super) denies: bool,
    /// Whether the user is told of it.
    pub(super) warns: bool,
    /// Whether the log is.
    pub(super) audits: bool,
}

impl Binding {
    /// Reads a stored binding.
    pub(super) fn read(name: &str, stored: &Value) -> Result<Self, serde_json::Error> {
        let spec = &stored["spec"];
        let constraints = match &spec["matchResources"] {
            Value::Null => None,
            stored => Some(Constraints::read(stored)?),
        };
        let actions: Vec<String> =
            Option::deserialize(&spec["validationActions"])?.unwrap_or_default();
        let has = |wanted: &str| actions.iter().any(|action| action == wanted);
        Ok(Self {
            name: name.to_owned(),
            policy: spec["policyName"].as_str().unwrap_or_default().to_owned(),
            constraints,
            params: Option::deserialize(&spec["paramRef"])?,
            denies: has("Deny"),
            warns: has("Warn"),
            audits: has("Audit"),
        })
    }
}
