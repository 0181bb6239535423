//! Which object an argument such as `deploy/web` names.

use std::fmt;

use anyhow::{Context, bail};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{APIResource, APIResourceList};
use kube::Client;

/// A resource as discovery tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Resource {
    /// Such as `apps/v1`.
    pub(super) group_version: String,
    pub(super) plural: String,
    pub(super) is_namespaced: bool,
}

/// One object, whether it is there or not.
pub(super) struct Target {
    pub(super) resource: Resource,
    /// Empty for objects of the cluster.
    pub(super) namespace: String,
    pub(super) name: String,
}

impl Resource {
    /// The path of its objects in a namespace.
    pub(super) fn path(&self, namespace: &str) -> String {
        let root = match self.group_version.contains('/') {
            true => "apis",
            false => "api",
        };
        let within = match self.is_namespaced {
            true => format!("namespaces/{namespace}/"),
            false => String::new(),
        };
        format!("/{root}/{}/{within}{}", self.group_version, self.plural)
    }

    /// Such as `deployments.apps`.
    pub(super) fn name(&self) -> String {
        match self.group_version.split_once('/') {
            Some((group, _)) => format!("{}.{group}", self.plural),
            None => self.plural.clone(),
        }
    }
}

impl Target {
    /// Finds the kind by its name, plural, singular or short name, also with its group: `deploy`, `deployments.apps`.
    ///
    /// # Errors
    /// If the argument is not `KIND/NAME`, or no such kind is served.
    pub(super) async fn find(
        client: &Client,
        object: &str,
        namespace: &str,
    ) -> anyhow::Result<Self> {
        let (kind, name) = object
            .split_once('/')
            .filter(|(kind, name)| !kind.is_empty() && !name.is_empty())
            .with_context(|| format!("{object:?} is not KIND/NAME, such as deployment/web"))?;
        for list in lists(client).await? {
            if let Some(found) = list.resources.iter().find(|one| answers(&list, one, kind)) {
                let resource = resource_of(&list, found);
                return Ok(Self {
                    namespace: match resource.is_namespaced {
                        true => namespace.to_owned(),
                        false => String::new(),
                    },
                    resource,
                    name: name.to_owned(),
                });
            }
        }
        bail!("the server doesn't have a resource type {kind:?}")
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.resource.name(), self.name)?;
        match self.namespace.is_empty() {
            true => Ok(()),
            false => write!(f, " in {}", self.namespace),
        }
    }
}

/// What can be listed in namespaces and created there.
///
/// # Errors
/// If the API server does not answer.
pub(super) async fn namespaced(client: &Client) -> anyhow::Result<Vec<Resource>> {
    let mut found = Vec::new();
    for list in lists(client).await? {
        let can = |one: &APIResource, verb: &str| one.verbs.iter().any(|it| it == verb);
        let kept = |one: &&APIResource| {
            one.namespaced && !one.name.contains('/') && can(one, "list") && can(one, "create")
        };
        found.extend(
            list.resources
                .iter()
                .filter(kept)
                .map(|one| resource_of(&list, one)),
        );
    }
    Ok(found)
}

/// Every group in its preferred version, the core first.
async fn lists(client: &Client) -> anyhow::Result<Vec<APIResourceList>> {
    let mut lists = vec![client.list_core_api_resources("v1").await?];
    for group in client.list_api_groups().await?.groups {
        let preferred = group
            .preferred_version
            .or(group.versions.into_iter().next());
        if let Some(version) = preferred {
            // A group whose server is away shall not hide the others.
            match client
                .list_api_group_resources(&version.group_version)
                .await
            {
                Ok(list) => lists.push(list),
                Err(error) => eprintln!("skiff: {} is left out: {error}", version.group_version),
            }
        }
    }
    Ok(lists)
}

fn resource_of(list: &APIResourceList, found: &APIResource) -> Resource {
    Resource {
        group_version: list.group_version.clone(),
        plural: found.name.clone(),
        is_namespaced: found.namespaced,
    }
}

fn answers(list: &APIResourceList, resource: &APIResource, asked: &str) -> bool {
    let asked = asked.to_lowercase();
    let name = asked
        .split_once('.')
        .map_or(asked.as_str(), |(name, group)| {
            let of_list = list.group_version.split_once('/').map_or("", |(it, _)| it);
            if group == of_list { name } else { "" }
        });
    let is_short = |short: &String| short == name;
    !resource.name.contains('/')
        && (resource.name == name
            || resource.singular_name == name
            || resource.kind.to_lowercase() == name
            || resource.short_names.iter().flatten().any(is_short))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_has_many_names() {
        let deployments = APIResource {
            name: "deployments".to_owned(),
            singular_name: "deployment".to_owned(),
            kind: "Deployment".to_owned(),
            namespaced: true,
            short_names: Some(vec!["deploy".to_owned()]),
            ..APIResource::default()
        };
        let list = APIResourceList {
            group_version: "apps/v1".to_owned(),
            resources: vec![deployments],
        };
        for (asked, expected) in [
            ("deploy", true),
            ("Deployment", true),
            ("deployments", true),
            ("deployments.apps", true),
            ("deployments.extensions", false),
            ("dep", false),
        ] {
            assert_eq!(
                answers(&list, &list.resources[0], asked),
                expected,
                "{asked}"
            );
        }
        let resource = resource_of(&list, &list.resources[0]);
        assert_eq!(
            resource.path("shop"),
            "/apis/apps/v1/namespaces/shop/deployments"
        );
        assert_eq!(resource.name(), "deployments.apps");
    }
}
