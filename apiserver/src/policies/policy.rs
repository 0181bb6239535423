//! One policy, ready to be asked.

use serde::Deserialize;
use serde_json::Value;
use skiff_api::policies::{MutatingPolicy, ValidatingPolicy};

use super::constraints::Constraints;

/// The kind of the objects that are a policy's parameters.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ParamKind {
    pub(super) api_version: String,
    pub(super) kind: String,
}

/// What is compiled of a policy.
pub(super) trait Compiled: Sized {
    fn compile(spec: &Value) -> Result<Self, String>;
}

impl Compiled for ValidatingPolicy {
    fn compile(spec: &Value) -> Result<Self, String> {
        Self::compile(spec)
    }
}

impl Compiled for MutatingPolicy {
    fn compile(spec: &Value) -> Result<Self, String> {
        Self::compile(spec)
    }
}

/// One policy, ready to be asked.
pub(super) struct Policy<C> {
    pub(super) name: String,
    pub(super) constraints: Constraints,
    /// Whether a request goes on when the policy cannot be evaluated.
    pub(super) ignores_failure: bool,
    /// Whether it wants to see what others changed after it.
    pub(super) reinvoked: bool,
    pub(super) param_kind: Option<ParamKind>,
    /// Its expressions; or why it has none.
    pub(super) compiled: Result<C, String>,
}

impl<C: Compiled> Policy<C> {
    /// Reads a stored policy.
    pub(super) fn read(name: &str, stored: &Value) -> Result<Self, serde_json::Error> {
        let spec = &stored["spec"];
        Ok(Self {
            name: name.to_owned(),
            constraints: Constraints::read(&spec["matchConstraints"])?,
            ignores_failure: spec["failurePolicy"] == "Ignore",
            reinvoked: spec["reinvocationPolicy"] == "IfNeeded",
            param_kind: Option::deserialize(&spec["paramKind"])?,
            compiled: C::compile(spec),
        })
    }
}
