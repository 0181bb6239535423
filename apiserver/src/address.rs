//! Where something listens.

use serde_json::Value;

/// Where something listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// A name or an IP address.
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// A port in JSON, if it is one.
pub(crate) fn port_number(value: &Value) -> Option<u16> {
    value.as_u64().and_then(|number| u16::try_from(number).ok())
}
