//! Who makes a request.

use std::collections::BTreeMap;

/// An authenticated caller (authentication.k8s.io/v1 UserInfo).
///
/// In the process it travels as a request extension; over the network the API server derives it from the credentials.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserInfo {
    /// The name, such as `system:kube-scheduler`.
    pub name: String,
    /// A unique id, empty if the authenticator knows none.
    pub uid: String,
    /// The groups, such as `system:masters`.
    pub groups: Vec<String>,
    /// Further facts by name.
    pub extra: BTreeMap<String, Vec<String>>,
}

impl UserInfo {
    /// A caller with a name and groups only.
    pub fn new<G: Into<String>>(
        name: impl Into<String>,
        groups: impl IntoIterator<Item = G>,
    ) -> Self {
        Self {
            name: name.into(),
            groups: groups.into_iter().map(Into::into).collect(),
            ..Self::default()
        }
    }
}
