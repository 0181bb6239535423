//! What is to be allowed.

use crate::request::RequestInfo;

/// What is to be allowed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Attributes<'a> {
    /// Something to do to a resource.
    Resource(ResourceAttributes<'a>),
    /// Something to do to a path.
    Path { verb: &'a str, path: &'a str },
}

/// Something to do to a resource.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ResourceAttributes<'a> {
    pub(crate) verb: &'a str,
    /// The API group, empty for core.
    pub(crate) group: &'a str,
    /// The plural, such as `pods`.
    pub(crate) resource: &'a str,
    /// Such as `log`, or empty.
    pub(crate) subresource: &'a str,
    /// Empty for all namespaces, or for a resource without.
    pub(crate) namespace: &'a str,
    /// The object, if it is about one.
    pub(crate) name: &'a str,
}

impl<'a> Attributes<'a> {
    /// What a request wants to do.
    pub(crate) fn of(info: &'a RequestInfo) -> Self {
        match &info.target {
            Some(target) => Self::Resource(ResourceAttributes {
                verb: info.verb,
                group: &target.group,
                resource: &target.resource,
                subresource: &target.subresource,
                namespace: &target.namespace,
                name: &target.name,
            }),
            None => Self::Path {
                verb: info.verb,
                path: &info.path,
            },
        }
    }
}
