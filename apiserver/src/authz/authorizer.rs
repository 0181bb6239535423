//! Who may do what: nodes by the Node authorizer, all by RBAC, the group `system:masters` everything.

use std::fmt;
use std::sync::Arc;

use k8s_openapi::api::rbac::v1::PolicyRule;
use parking_lot::RwLock;
use skiff_api::UserInfo;
use skiff_store::{Change, Snapshot, Store};

use super::Attributes;
use super::binding::{Binding, RoleRef};
use super::index::{Index, PREFIX};
use super::node::{NodeAuthorizer, Opinion, node_of};
use super::rule;
use crate::following::Follower;

/// May do everything, whatever the rules say.
const MASTERS: &str = "system:masters";

/// Decides by the roles and bindings that stand in the store.
pub(crate) struct Authorizer {
    store: Store,
    index: RwLock<Index>,
    nodes: NodeAuthorizer,
}

/// What allows something.
pub(crate) enum Grant {
    /// The caller is one of the masters.
    Master,
    /// The caller is a node, and it is about its own Pods.
    Node,
    /// A binding of RBAC.
    Binding(Arc<Binding>),
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Master | Self::Node => Ok(()),
            Self::Binding(binding) => write!(f, "RBAC: allowed by {binding}"),
        }
    }
}

impl Follower for Authorizer {
    async fn read_all(&self, snapshot: &Snapshot) {
        let index = Index::of(snapshot.range(PREFIX, None));
        *self.index.write() = index;
    }

    async fn apply(&self, changes: &[Arc<Change>]) {
        let mut index = self.index.write();
        changes.iter().for_each(|change| index.apply(change));
    }
}

impl Authorizer {
    /// An authorizer that knows nothing yet.
    pub(crate) fn new(store: Store) -> Self {
        Self {
            store,
            index: RwLock::default(),
            nodes: NodeAuthorizer::new(),
        }
    }

    /// Whether the user may do that; if not, why not, where that is worth saying.
    pub(crate) fn decide(&self, user: &UserInfo, wanted: &Attributes<'_>) -> Result<Grant, String> {
        if is_master(user) {
            return Ok(Grant::Master);
        }
        let mut reasons = Vec::new();
        if let Some(node) = node_of(user) {
            match self.nodes.decide(&self.store.snapshot(), node, wanted) {
                Opinion::Allowed => return Ok(Grant::Node),
                Opinion::None(why) => reasons.push(why),
            }
        }
        let index = self.index.read();
        if let Some(binding) = index.grant(user, wanted) {
            return Ok(Grant::Binding(binding));
        }
        reasons.push(match index.missing_roles(user, wanted).as_slice() {
            [] => String::new(),
            [one] => format!("RBAC: {one}"),
            several => format!("RBAC: [{}]", several.join(", ")),
        });
        reasons.retain(|reason| !reason.is_empty());
        Err(reasons.join(", "))
    }

    /// Whether the user may do that.
    pub(crate) fn allows(&self, user: &UserInfo, wanted: &Attributes<'_>) -> bool {
        self.decide(user, wanted).is_ok()
    }

    /// All rules of RBAC that hold for the user in a namespace.
    pub(crate) fn rules_of(&self, user: &UserInfo, namespace: &str) -> Vec<PolicyRule> {
        self.index.read().rules_of(user, namespace)
    }

    /// What of the rules the user does not hold in a namespace, in words.
    pub(super) fn missing(
        &self,
        user: &UserInfo,
        namespace: &str,
        rules: &[PolicyRule],
    ) -> Vec<String> {
        rule::missing(&self.rules_of(user, namespace), rules)
    }

    /// The rules of a role that a binding of that namespace refers to.
    pub(super) fn rules_of_role(&self, role: &RoleRef, namespace: &str) -> Option<Vec<PolicyRule>> {
        let index = self.index.read();
        index.rules_of_role(role, namespace).map(<[_]>::to_vec)
    }
}

/// Whether no rule holds the user back.
pub(super) fn is_master(user: &UserInfo) -> bool {
    user.groups.iter().any(|group| group == MASTERS)
}
