//! Which resources there are.

use kube::core::GroupVersionKind;
use kube::core::discovery::{ApiCapabilities, ApiResource, Scope, verbs};
use kube::{Api, Client};

use super::Meta;
use crate::writes::{is_gone, words};

/// One kind of objects that can be listed, watched and deleted.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Resource {
    pub(crate) api: ApiResource,
    pub(crate) namespaced: bool,
}

impl Resource {
    /// The objects of a namespace, or of the cluster, by their metadata.
    pub(crate) fn objects(&self, client: &Client, namespace: &str) -> Api<Meta> {
        if self.namespaced && !namespace.is_empty() {
            Api::namespaced_with(client.clone(), namespace, &self.api)
        } else {
            Api::all_with(client.clone(), &self.api)
        }
    }

    /// `pods`, `deployments.apps`.
    pub(crate) fn display_name(&self) -> String {
        if self.api.group.is_empty() {
            self.api.plural.clone()
        } else {
            format!("{}.{}", self.api.plural, self.api.group)
        }
    }
}

/// All resources whose objects can be deleted, each in its most stable version.
pub(crate) async fn discover(client: &Client) -> kube::Result<Vec<Resource>> {
    let discovery = kube::Discovery::new(client.clone()).run().await?;
    let found = discovery
        .groups()
        .flat_map(kube::discovery::ApiGroup::resources_by_stability);
    Ok(found
        .filter_map(|(api, can)| deletable(api, &can))
        .collect())
}

/// The resource of a kind; an error in the words of Kubernetes' own clients.
pub(crate) async fn resource_of(
    client: &Client,
    kind: &GroupVersionKind,
) -> Result<ApiResource, String> {
    match kube::discovery::pinned_kind(client, kind).await {
        Ok((resource, _)) => Ok(resource),
        Err(error) if is_gone(&error) || matches!(error, kube::Error::Discovery(_)) => {
            Err(format!(
                "no matches for kind {:?} in group {:?}",
                kind.kind, kind.group
            ))
        }
        Err(error) => Err(words(&error)),
    }
}

fn deletable(api: ApiResource, can: &ApiCapabilities) -> Option<Resource> {
    let wanted = [verbs::LIST, verbs::WATCH, verbs::DELETE];
    wanted
        .iter()
        .all(|verb| can.supports_operation(verb))
        .then(|| Resource {
            api,
            namespaced: can.scope == Scope::Namespaced,
        })
}
