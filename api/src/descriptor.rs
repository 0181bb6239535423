//! What a kind is called and can do; built-in and custom kinds have the same form.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use crate::{FieldValidation, Schema, Sent, Status, Strategy};

/// A kind without its version; shown as `Deployment.apps`, or `Pod` in the core group.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupKind {
    /// The API group, empty for core.
    pub group: Cow<'static, str>,
    /// The kind, such as `Deployment`.
    pub kind: Cow<'static, str>,
}

impl fmt::Display for GroupKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        dotted(f, &self.kind, &self.group)
    }
}

/// A resource without its version; shown as `deployments.apps`, or `pods` in the core group.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupResource {
    /// The API group, empty for core.
    pub group: Cow<'static, str>,
    /// The plural, such as `deployments`.
    pub resource: Cow<'static, str>,
}

impl fmt::Display for GroupResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        dotted(f, &self.resource, &self.group)
    }
}

fn dotted(f: &mut fmt::Formatter<'_>, name: &str, group: &str) -> fmt::Result {
    if group.is_empty() {
        f.write_str(name)
    } else {
        write!(f, "{name}.{group}")
    }
}

/// Whether objects live in namespaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One name a namespace.
    Namespaced,
    /// One name in the cluster.
    Cluster,
}

/// What can be asked of a resource (discovery's verbs).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)] // The names are the API's and say it all.
pub enum Verb {
    Create,
    Delete,
    DeleteCollection,
    Get,
    List,
    Patch,
    Update,
    Watch,
}

impl Verb {
    /// All verbs, in discovery's order.
    pub const ALL: [Verb; 8] = [
        Verb::Create,
        Verb::Delete,
        Verb::DeleteCollection,
        Verb::Get,
        Verb::List,
        Verb::Patch,
        Verb::Update,
        Verb::Watch,
    ];

    /// As discovery and RBAC write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Verb::Create => "create",
            Verb::Delete => "delete",
            Verb::DeleteCollection => "deletecollection",
            Verb::Get => "get",
            Verb::List => "list",
            Verb::Patch => "patch",
            Verb::Update => "update",
            Verb::Watch => "watch",
        }
    }
}

/// Where a kind keeps what `scale` shows (CustomResourceSubresourceScale has the same three paths).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScalePaths {
    /// JSON pointer of the wanted count, such as `/spec/replicas`.
    pub spec_replicas: Cow<'static, str>,
    /// JSON pointer of the seen count, such as `/status/replicas`.
    pub status_replicas: Cow<'static, str>,
    /// JSON pointer of the label selector (an object or a string), such as `/spec/selector`.
    pub selector: Option<Cow<'static, str>>,
}

/// The subresources that every kind's storage can serve; streams and bindings of Pods belong to the API server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subresources {
    /// `status` is written apart from the rest.
    pub status: bool,
    /// `scale` is served from these paths.
    pub scale: Option<ScalePaths>,
}

/// A column of `kubectl get` (meta/v1 TableColumnDefinition).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// The heading, such as `Ready`; kubectl prints it in capitals.
    pub name: Cow<'static, str>,
    /// The OpenAPI type of its cells: `string`, `integer`, `date`, …
    pub cell_type: Cow<'static, str>,
    /// `name` for the column of names, else empty.
    pub format: Cow<'static, str>,
    /// What it shows.
    pub description: Cow<'static, str>,
    /// 0 is always shown, 1 with `-o wide`.
    pub priority: i32,
}

impl Column {
    /// A column that is always shown.
    pub const fn new(name: &'static str, cell_type: &'static str) -> Self {
        Self {
            name: Cow::Borrowed(name),
            cell_type: Cow::Borrowed(cell_type),
            format: Cow::Borrowed(""),
            description: Cow::Borrowed(""),
            priority: 0,
        }
    }

    /// A column that `-o wide` shows.
    pub const fn wide(name: &'static str, cell_type: &'static str) -> Self {
        let mut column = Self::new(name, cell_type);
        column.priority = 1;
        column
    }
}

/// One version of one kind: what it is called, what can be asked of it, and its rules.
pub struct Descriptor {
    /// The API group, empty for core.
    pub group: Cow<'static, str>,
    /// The version, such as `v1`.
    pub version: Cow<'static, str>,
    /// The kind, such as `Deployment`.
    pub kind: Cow<'static, str>,
    /// The resource's name in paths, such as `deployments`.
    pub plural: Cow<'static, str>,
    /// Such as `deployment`.
    pub singular: Cow<'static, str>,
    /// Such as `deploy`.
    pub short_names: Vec<Cow<'static, str>>,
    /// Such as `all`.
    pub categories: Vec<Cow<'static, str>>,
    /// Whether its objects live in namespaces.
    pub scope: Scope,
    /// What can be asked of it.
    pub verbs: Vec<Verb>,
    /// `status` and `scale`.
    pub subresources: Subresources,
    /// The name of its type in OpenAPI, such as `io.k8s.api.apps.v1.Deployment`; [`crate::Schema`] knows types by it.
    pub type_name: Cow<'static, str>,
    /// The kind's own rules.
    pub strategy: Arc<dyn Strategy>,
}

impl Descriptor {
    /// `v1` or `apps/v1`.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.to_string()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// The kind's type; `None` if [`crate::definitions`] has none of that name.
    pub fn schema(&self) -> Option<Schema> {
        self.strategy
            .schema()
            .or_else(|| Schema::of(&self.type_name))
    }

    /// The kind of its lists, such as `PodList`.
    pub fn list_kind(&self) -> Cow<'_, str> {
        match self.strategy.custom() {
            Some(custom) => custom.list_kind().into(),
            None => format!("{}List", self.kind).into(),
        }
    }

    /// What is done first with an object that was sent: fields and types that its schema does not know are refused or
    /// dropped. Answers with warnings.
    ///
    /// # Errors
    /// 400 if the object is refused; 500 if the kind has no schema.
    pub fn conform(
        &self,
        object: &mut Value,
        sent: Sent<'_>,
        validation: FieldValidation,
    ) -> Result<Vec<String>, Status> {
        if let Some(custom) = self.strategy.custom() {
            return custom.conform(object, sent, validation);
        }
        let none = || Status::internal(format!("no schema of {}", self.type_name));
        let schema = self.schema().ok_or_else(none)?;
        schema.conform(object, sent, validation)
    }

    /// The kind without its version.
    pub fn group_kind(&self) -> GroupKind {
        GroupKind {
            group: self.group.clone(),
            kind: self.kind.clone(),
        }
    }

    /// The resource without its version.
    pub fn group_resource(&self) -> GroupResource {
        GroupResource {
            group: self.group.clone(),
            resource: self.plural.clone(),
        }
    }

    /// The group under which its objects are stored: Events of events.k8s.io are those of core.
    pub fn stored_group(&self) -> &str {
        match self.strategy.stored_version() {
            Some(version) => version.group(),
            None => &self.group,
        }
    }

    /// Whether objects live in namespaces.
    pub fn is_namespaced(&self) -> bool {
        self.scope == Scope::Namespaced
    }
}

/// The kinds that are served, by group, version and plural.
///
/// It is a value: a custom resource is a new registry with one descriptor more.
#[derive(Clone, Default)]
pub struct Registry {
    kinds: BTreeMap<(String, String, String), Arc<Descriptor>>,
}

impl Registry {
    /// A registry of these kinds.
    pub fn new(kinds: impl IntoIterator<Item = Descriptor>) -> Self {
        let mut registry = Self::default();
        for descriptor in kinds {
            registry.insert(descriptor);
        }
        registry
    }

    /// Adds a kind, or replaces the one of the same group, version and plural.
    pub fn insert(&mut self, descriptor: impl Into<Arc<Descriptor>>) {
        let descriptor = descriptor.into();
        let key = (
            descriptor.group.to_string(),
            descriptor.version.to_string(),
            descriptor.plural.to_string(),
        );
        self.kinds.insert(key, descriptor);
    }

    /// The kind of that group, version and plural.
    pub fn get(&self, group: &str, version: &str, plural: &str) -> Option<&Arc<Descriptor>> {
        self.kinds
            .get(&(group.to_owned(), version.to_owned(), plural.to_owned()))
    }

    /// The descriptor of that group, version and kind.
    pub fn of_kind(&self, group: &str, version: &str, kind: &str) -> Option<&Arc<Descriptor>> {
        self.iter()
            .find(|known| known.group == group && known.version == version && known.kind == kind)
    }

    /// The other versions of a resource: what is an object of one is an object of all.
    pub fn other_versions(&self, kind: &Descriptor) -> Vec<Arc<Descriptor>> {
        let is_same = |other: &&Arc<Descriptor>| {
            other.plural == kind.plural
                && other.stored_group() == kind.stored_group()
                && (&other.group, &other.version) != (&kind.group, &kind.version)
        };
        self.iter().filter(is_same).cloned().collect()
    }

    /// All kinds, by group, version and plural.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Descriptor>> {
        self.kinds.values()
    }
}
