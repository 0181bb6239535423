//! What `authorizer` answers in CEL: as the API server itself decides.

use std::sync::Arc;

use skiff_api::UserInfo;
use skiff_api::policies::{Authority, Question};

use crate::authz::{Attributes, Authorizer, ResourceAttributes};

/// Decides for the user of a request.
pub(super) struct OfUser {
    authorizer: Arc<Authorizer>,
    user: UserInfo,
}

/// Who answers for a user.
pub(super) fn of_user(authorizer: &Arc<Authorizer>, user: &UserInfo) -> Arc<dyn Authority> {
    Arc::new(OfUser {
        authorizer: Arc::clone(authorizer),
        user: user.clone(),
    })
}

impl Authority for OfUser {
    fn decide(&self, question: &Question) -> (bool, String) {
        let account = question.service_account.as_ref();
        let account = account.map(|(namespace, name)| service_account(namespace, name));
        let user = account.as_ref().unwrap_or(&self.user);
        let wanted = match &question.path {
            Some(path) => Attributes::Path {
                verb: &question.verb,
                path,
            },
            None => Attributes::Resource(ResourceAttributes {
                verb: &question.verb,
                group: &question.group,
                resource: &question.resource,
                subresource: &question.subresource,
                namespace: &question.namespace,
                name: &question.name,
            }),
        };
        match self.authorizer.decide(user, &wanted) {
            Ok(grant) => (true, grant.to_string()),
            Err(why) => (false, why),
        }
    }
}

fn service_account(namespace: &str, name: &str) -> UserInfo {
    let groups = [
        "system:serviceaccounts".to_owned(),
        format!("system:serviceaccounts:{namespace}"),
        "system:authenticated".to_owned(),
    ];
    UserInfo::new(format!("system:serviceaccount:{namespace}:{name}"), groups)
}
