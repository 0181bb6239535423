//! One namespace: reads the caches, plans, applies.

use k8s_openapi::api::core::v1::{ConfigMap, Namespace, ServiceAccount};
use kube::api::PostParams;
use kube::{Api, Client};
use skiff_client::{Informer, Next, ObjectKey};

use super::plan::{ACCOUNT, AUTHORITY, plan};
use crate::context::Context;
use crate::writes::{exists, namespace_is_terminating};

pub(super) struct Reconciler {
    pub(super) context: Context,
    /// Speaks as who writes the certificates.
    pub(super) publisher: Client,
    pub(super) namespaces: Informer<Namespace>,
    pub(super) accounts: Informer<ServiceAccount>,
    pub(super) authorities: Informer<ConfigMap>,
}

impl Reconciler {
    pub(super) async fn reconcile(&self, key: ObjectKey) -> anyhow::Result<Next> {
        let Some(namespace) = self.namespaces.get(&key) else {
            return Ok(Next::Done);
        };
        let account = self.accounts.get(&ObjectKey::new(&key.name, ACCOUNT));
        let authority = self.authorities.get(&ObjectKey::new(&key.name, AUTHORITY));
        let plan = plan(
            &namespace,
            account.as_deref(),
            authority.as_deref(),
            &self.context.config.root_ca_pem,
        );
        let accounts: Api<ServiceAccount> = Api::namespaced(self.context.client.clone(), &key.name);
        let authorities: Api<ConfigMap> = Api::namespaced(self.publisher.clone(), &key.name);
        let post = PostParams::default();
        if let Some(account) = plan.create_account {
            unless_moot(accounts.create(&post, &account).await)?;
        }
        if let Some(authority) = plan.create_authority {
            unless_moot(authorities.create(&post, &authority).await)?;
        }
        if let Some(authority) = plan.update_authority {
            unless_moot(authorities.replace(AUTHORITY, &post, &authority).await)?;
        }
        Ok(Next::Done)
    }
}

/// It is there already, or the namespace is going.
fn unless_moot<K>(written: kube::Result<K>) -> kube::Result<()> {
    match written {
        Err(error) if !exists(&error) && !namespace_is_terminating(&error) => Err(error),
        _ => Ok(()),
    }
}
