//! A write as webhooks and policies see it.

use parking_lot::Mutex;
use serde_json::{Map, Value, json};
use skiff_api::{Descriptor, UserInfo};

/// What a request does (admission.k8s.io/v1 Operation).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Create,
    Update,
    Delete,
    Connect,
}

impl Operation {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Connect => "CONNECT",
        }
    }
}

/// All of a request but its objects.
#[derive(Clone)]
pub(crate) struct Attributes<'a> {
    pub(crate) operation: Operation,
    /// Group, version and plural.
    pub(crate) resource: [&'a str; 3],
    /// Such as `status`, or empty.
    pub(crate) subresource: &'a str,
    /// Group, version and kind of the object that is sent.
    pub(crate) kind: [&'a str; 3],
    /// Another version of the resource, if who is asked sees the request in that one.
    pub(crate) seen_in: Option<&'a Descriptor>,
    /// Empty for what lives in none; for a namespace, that namespace.
    pub(crate) namespace: &'a str,
    /// Empty for an object that gets its name later.
    pub(crate) name: &'a str,
    pub(crate) user: &'a UserInfo,
    pub(crate) dry_run: bool,
    /// CreateOptions and the like, with their kind.
    pub(crate) options: Value,
    /// Where warnings for the user are put.
    pub(crate) warnings: Option<&'a Warnings>,
}

impl<'a> Attributes<'a> {
    /// A request about an object of a kind.
    pub(crate) fn new(
        operation: Operation,
        descriptor: &'a Descriptor,
        subresource: &'a str,
        place: (&'a str, &'a str),
        user: &'a UserInfo,
        dry_run: bool,
    ) -> Self {
        let (group, version) = (&*descriptor.group, &*descriptor.version);
        let (namespace, name) = place;
        let is_namespace = group.is_empty() && descriptor.plural == "namespaces";
        Self {
            operation,
            resource: [group, version, &descriptor.plural],
            subresource,
            kind: [group, version, &descriptor.kind],
            seen_in: None,
            namespace: if is_namespace { name } else { namespace },
            name,
            user,
            dry_run,
            options: options(operation, dry_run),
            warnings: None,
        }
    }

    /// Group, version and plural as who is asked sees them.
    pub(crate) fn seen_resource(&self) -> [&str; 3] {
        match self.seen_in {
            Some(other) => [&other.group, &other.version, &other.plural],
            None => self.resource,
        }
    }

    /// Group, version and kind as who is asked sees them. A Scale is a Scale in all versions of what it scales.
    pub(crate) fn seen_kind(&self) -> [&str; 3] {
        match self.seen_in {
            Some(other) if self.kind[2] == other.kind => {
                [&other.group, &other.version, &other.kind]
            }
            _ => self.kind,
        }
    }

    /// Whether the request is about a namespace itself.
    pub(crate) fn is_namespace(&self) -> bool {
        self.resource == ["", "v1", "namespaces"]
    }

    /// Whether it is about a policy or its binding: no policy may stand in its way.
    pub(crate) fn is_policy(&self) -> bool {
        const KINDS: [&str; 4] = [
            "mutatingadmissionpolicies",
            "mutatingadmissionpolicybindings",
            "validatingadmissionpolicies",
            "validatingadmissionpolicybindings",
        ];
        self.is_exempt() && KINDS.contains(&self.resource[2])
    }

    /// Whether no webhook may stand in its way: who writes a bad configuration must be able to take it back.
    pub(crate) fn is_exempt(&self) -> bool {
        self.resource[0] == "admissionregistration.k8s.io"
    }

    /// All of it in JSON (admission.k8s.io/v1 AdmissionRequest without its objects).
    pub(crate) fn to_json(&self) -> Value {
        let mut asked = json!({
            "kind": kind(self.seen_kind()),
            "resource": resource(self.seen_resource()),
            "requestKind": kind(self.kind),
            "requestResource": resource(self.resource),
            "operation": self.operation.as_str(),
            "userInfo": user(self.user),
            "dryRun": self.dry_run,
            "options": self.options,
        });
        for (field, text) in [
            ("subResource", self.subresource),
            ("requestSubResource", self.subresource),
            ("namespace", self.namespace),
            ("name", self.name),
        ] {
            if !text.is_empty() {
                asked[field] = text.into();
            }
        }
        asked
    }
}

fn kind([group, version, kind]: [&str; 3]) -> Value {
    json!({"group": group, "version": version, "kind": kind})
}

fn resource([group, version, resource]: [&str; 3]) -> Value {
    json!({"group": group, "version": version, "resource": resource})
}

fn user(user: &UserInfo) -> Value {
    let mut info = Map::new();
    info.insert("username".into(), user.name.as_str().into());
    if !user.uid.is_empty() {
        info.insert("uid".into(), user.uid.as_str().into());
    }
    info.insert("groups".into(), json!(user.groups));
    if !user.extra.is_empty() {
        info.insert("extra".into(), json!(user.extra));
    }
    Value::Object(info)
}

fn options(operation: Operation, dry_run: bool) -> Value {
    let kind = match operation {
        Operation::Create => "CreateOptions",
        Operation::Update => "UpdateOptions",
        Operation::Delete => "DeleteOptions",
        Operation::Connect => return Value::Null,
    };
    let mut options = json!({"kind": kind, "apiVersion": "meta.k8s.io/v1"});
    if dry_run {
        options["dryRun"] = json!(["All"]);
    }
    options
}

/// What webhooks and policies want the user to know beside the answer.
#[derive(Debug, Default)]
pub(crate) struct Warnings(Mutex<Vec<String>>);

/// The most warnings of a request, and how long one may be, in characters.
const MOST: usize = 32;
const LONGEST: usize = 256;

impl Warnings {
    /// Adds one, if it is new, cut to a length that fits a header.
    pub(crate) fn add(&self, warning: &str) {
        let warning = warning.chars().take(LONGEST).collect();
        let mut all = self.0.lock();
        if all.len() < MOST && !all.contains(&warning) {
            all.push(warning);
        }
    }

    /// Takes all of them out.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock())
    }
}
