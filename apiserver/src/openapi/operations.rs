//! What can be done at which path: one list from which both versions of OpenAPI are written.

use skiff_api::{Descriptor, Registry, Verb};

use crate::virtuals::{VIRTUALS, Virtual};

const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1";

/// One method of one path.
pub(super) struct Operation {
    pub(super) path: String,
    pub(super) method: &'static str,
    /// Kubernetes' own word for it, such as `list` or `deletecollection`.
    pub(super) action: &'static str,
    pub(super) id: String,
    /// Group, version and kind of the objects.
    pub(super) kind: [String; 3],
    /// The type of the body, if it takes one.
    pub(super) body: Option<String>,
    /// The type of the answer.
    pub(super) answer: String,
    pub(super) parameters: Vec<Parameter>,
    /// Whether it is about a custom kind.
    pub(super) is_custom: bool,
}

/// A parameter in the path or the query.
#[derive(Clone)]
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) place: &'static str,
    pub(super) value_type: &'static str,
}

/// The path of a group's version, without a slash in front: `api/v1`, `apis/apps/v1`.
pub(super) fn group_path(group: &str, version: &str) -> String {
    if group.is_empty() {
        format!("api/{version}")
    } else {
        format!("apis/{group}/{version}")
    }
}

/// All that can be done in a version of a group.
pub(super) fn operations(registry: &Registry, group: &str, version: &str) -> Vec<Operation> {
    let stored = registry
        .iter()
        .filter(|known| known.group == group && known.version == version);
    let asked = VIRTUALS
        .iter()
        .filter(|known| known.group == group && known.version == version);
    stored
        .flat_map(|descriptor| of_kind(descriptor))
        .chain(asked.map(of_virtual))
        .collect()
}

fn of_kind(descriptor: &Descriptor) -> Vec<Operation> {
    let base = group_path(&descriptor.group, &descriptor.version);
    let all = format!("/{base}/{}", descriptor.plural);
    let collection = if descriptor.is_namespaced() {
        format!("/{base}/namespaces/{{namespace}}/{}", descriptor.plural)
    } else {
        all.clone()
    };
    let object = format!("{collection}/{{name}}");
    let maker = Maker { descriptor };
    let mut operations = Vec::new();
    for verb in &descriptor.verbs {
        match verb {
            Verb::List => {
                operations.push(maker.make(&collection, "get", "list"));
                if descriptor.is_namespaced() {
                    let mut list = maker.make(&all, "get", "list");
                    list.id.push_str("ForAllNamespaces");
                    operations.push(list);
                }
            }
            Verb::Create => operations.push(maker.make(&collection, "post", "post")),
            Verb::DeleteCollection => {
                operations.push(maker.make(&collection, "delete", "deletecollection"));
            }
            Verb::Get => operations.push(maker.make(&object, "get", "get")),
            Verb::Update => operations.push(maker.make(&object, "put", "put")),
            Verb::Patch => operations.push(maker.make(&object, "patch", "patch")),
            Verb::Delete => operations.push(maker.make(&object, "delete", "delete")),
            Verb::Watch => {}
        }
    }
    if descriptor.subresources.status {
        operations.extend(maker.subresource(&object, "status", None));
    }
    if descriptor.subresources.scale.is_some() {
        let scale = ["autoscaling", "v1", "Scale"].map(str::to_owned);
        operations.extend(maker.subresource(&object, "scale", Some(scale)));
    }
    operations
}

struct Maker<'a> {
    descriptor: &'a Descriptor,
}

impl Maker<'_> {
    fn make(&self, path: &str, method: &'static str, action: &'static str) -> Operation {
        let descriptor = self.descriptor;
        let type_name = descriptor.type_name.to_string();
        let body = match action {
            "post" | "put" => Some(type_name.clone()),
            "patch" => Some(format!("{META}.Patch")),
            "delete" | "deletecollection" => Some(format!("{META}.DeleteOptions")),
            _ => None,
        };
        let answer = match action {
            "list" => format!("{type_name}List"),
            "delete" | "deletecollection" => format!("{META}.Status"),
            _ => type_name,
        };
        let kind = [&descriptor.group, &descriptor.version, &descriptor.kind];
        Operation {
            path: path.to_owned(),
            method,
            action,
            id: self.id(action, ""),
            kind: kind.map(ToString::to_string),
            body,
            answer,
            parameters: parameters(path, action),
            is_custom: descriptor.strategy.custom().is_some(),
        }
    }

    fn subresource(&self, object: &str, name: &str, kind: Option<[String; 3]>) -> Vec<Operation> {
        let path = format!("{object}/{name}");
        let methods = [("get", "get"), ("put", "put"), ("patch", "patch")];
        let make = |(method, action)| {
            let mut operation = self.make(&path, method, action);
            operation.id = self.id(action, name);
            if let Some(kind) = &kind {
                operation.kind = kind.clone();
                operation.answer = format!("io.k8s.api.{}.{}.{}", kind[0], kind[1], kind[2]);
                if action == "put" {
                    operation.body = Some(operation.answer.clone());
                }
            }
            operation
        };
        methods.into_iter().map(make).collect()
    }

    /// Such as `replaceAppsV1NamespacedDeploymentStatus`.
    fn id(&self, action: &str, subresource: &str) -> String {
        let descriptor = self.descriptor;
        let word = match action {
            "get" => "read",
            "post" => "create",
            "put" => "replace",
            "deletecollection" => "deleteCollection",
            other => other,
        };
        let group = descriptor.group.split('.').next().unwrap_or_default();
        let group = if group.is_empty() { "core" } else { group };
        let scope = if descriptor.is_namespaced() {
            "Namespaced"
        } else {
            ""
        };
        [
            word,
            &capital(group),
            &capital(&descriptor.version),
            scope,
            &descriptor.kind,
            &capital(subresource),
        ]
        .concat()
    }
}

fn of_virtual(known: &Virtual) -> Operation {
    let base = group_path(known.group, known.version);
    let place = if known.namespaced {
        "namespaces/{namespace}/"
    } else {
        ""
    };
    let path = format!("/{base}/{place}{}", known.resource);
    let group = match known.group {
        "" => "core",
        group => group.split('.').next().unwrap_or_default(),
    };
    let type_name = format!("io.k8s.api.{group}.{}.{}", known.version, known.kind);
    Operation {
        method: "post",
        action: "post",
        id: format!(
            "create{}{}{}",
            capital(group),
            capital(known.version),
            known.kind
        ),
        kind: [known.group, known.version, known.kind].map(str::to_owned),
        body: Some(type_name.clone()),
        answer: type_name,
        parameters: parameters(&path, "post"),
        is_custom: false,
        path,
    }
}

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    match chars.next() {
        Some(first) => first.to_ascii_uppercase().to_string() + chars.as_str(),
        None => String::new(),
    }
}

fn parameters(path: &str, action: &str) -> Vec<Parameter> {
    let in_path = ["namespace", "name"]
        .into_iter()
        .filter(|name| path.contains(&format!("{{{name}}}")))
        .map(|name| Parameter {
            name,
            place: "path",
            value_type: "string",
        });
    let listing: &'static [(&'static str, &'static str)] = &[
        ("allowWatchBookmarks", "boolean"),
        ("continue", "string"),
        ("fieldSelector", "string"),
        ("labelSelector", "string"),
        ("limit", "integer"),
        ("resourceVersion", "string"),
        ("resourceVersionMatch", "string"),
        ("sendInitialEvents", "boolean"),
        ("timeoutSeconds", "integer"),
        ("watch", "boolean"),
    ];
    let writing: &'static [(&'static str, &'static str)] = &[
        ("dryRun", "string"),
        ("fieldManager", "string"),
        ("fieldValidation", "string"),
    ];
    let deleting: &'static [(&'static str, &'static str)] = &[
        ("dryRun", "string"),
        ("gracePeriodSeconds", "integer"),
        ("orphanDependents", "boolean"),
        ("propagationPolicy", "string"),
    ];
    let (first, second): (&'static [_], &'static [_]) = match action {
        "list" => (listing, &[]),
        "post" | "put" => (writing, &[]),
        "patch" => (writing, &[("force", "boolean")]),
        "delete" => (deleting, &[]),
        "deletecollection" => (listing, deleting),
        _ => (&[], &[]),
    };
    let in_query = first
        .iter()
        .chain(second)
        .map(|&(name, value_type)| Parameter {
            name,
            place: "query",
            value_type,
        });
    in_path.chain(in_query).collect()
}
