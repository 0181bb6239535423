//! Secrets that hold the token of a ServiceAccount go with it
//! (<https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#token-controller>).

use k8s_openapi::api::core::v1::{Secret, ServiceAccount};
use kube::api::DeleteParams;
use kube::{Api, ResourceExt};
use skiff_client::{Informer, Next, ObjectKey, WorkQueue};

use crate::context::Context;
use crate::ownership::wake_on_change;
use crate::writes::is_gone;

const ACCOUNT: &str = "kubernetes.io/service-account.name";
const ACCOUNT_UID: &str = "kubernetes.io/service-account.uid";

/// Deletes Secrets whose account is gone, until shutdown.
pub(crate) async fn run(context: Context) -> anyhow::Result<()> {
    let secrets: Informer<Secret> = context
        .informers
        .with_fields("type=kubernetes.io/service-account-token");
    let accounts: Informer<ServiceAccount> = context.informers.all();
    let queue = WorkQueue::new();
    wake_on_change(&secrets, &queue);
    let (known, keys) = (secrets.clone(), queue.clone());
    accounts.on_change(move |change| {
        let account = change.object();
        let namespace = account.namespace().unwrap_or_default();
        for secret in known.list_in(&namespace) {
            if account_of(&secret) == Some(&account.name_any()) {
                keys.add(ObjectKey::of(&*secret));
            }
        }
    });
    let ready = async {
        secrets.ready().await;
        accounts.ready().await;
    };
    let work = context.clone();
    let (secrets, accounts) = (secrets.clone(), accounts.clone());
    let reconcile = move |key: ObjectKey| {
        let (context, secret) = (work.clone(), secrets.get(&key));
        let account = secret.as_deref().and_then(account_of);
        let account = account.map(|name| ObjectKey::new(&key.namespace, name));
        let account = account.and_then(|key| accounts.get(&key));
        async move {
            match secret {
                Some(secret) if is_orphan(&secret, account.as_deref()) => {
                    let api: Api<Secret> = Api::namespaced(context.client.clone(), &key.namespace);
                    match api.delete(&key.name, &DeleteParams::default()).await {
                        Err(error) if !is_gone(&error) => Err(error.into()),
                        _ => Ok(Next::Done),
                    }
                }
                _ => Ok(Next::Done),
            }
        }
    };
    context
        .reconcile("token-secrets", ready, queue, 1, reconcile)
        .await
}

fn account_of(secret: &Secret) -> Option<&String> {
    secret.annotations().get(ACCOUNT)
}

/// Whether the account, or the one that the token is of, is gone.
fn is_orphan(secret: &Secret, account: Option<&ServiceAccount>) -> bool {
    let uid = secret.annotations().get(ACCOUNT_UID);
    match account {
        None => true,
        Some(account) => uid.is_some() && uid != account.metadata.uid.as_ref(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_secret_is_of_one_account() {
        let secret: Secret = serde_json::from_value(json!({"metadata": {"annotations": {
            ACCOUNT: "a", ACCOUNT_UID: "1",
        }}}))
        .unwrap();
        let account = |uid: &str| -> ServiceAccount {
            serde_json::from_value(json!({"metadata": {"name": "a", "uid": uid}})).unwrap()
        };
        assert!(!is_orphan(&secret, Some(&account("1"))));
        assert!(is_orphan(&secret, Some(&account("2"))));
        assert!(is_orphan(&secret, None));
    }
}
