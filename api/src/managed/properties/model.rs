//! The model: every field by its path, with its value and its owners.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// The fields that hold others, of which nobody need be the owner.
const HOLDERS: [&str; 7] = [
    ".spec", ".labels", ".hosts", ".parts", ".nested", ".deep", ".tags",
];

/// Values by path, as conflicts write it: `.spec.parts[name="a"].image`. That an item is there at all is a null.
pub(super) type Leaves = BTreeMap<String, Value>;

/// A manager and an operation.
pub(super) type Owner = (String, &'static str);

pub(super) type Owners = BTreeMap<String, BTreeSet<Owner>>;

#[derive(Clone, Debug, Default)]
struct Field {
    value: Value,
    owners: BTreeSet<Owner>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Model(BTreeMap<String, Field>);

impl Model {
    /// A write that is no apply: who changes a field is its one owner.
    pub(super) fn update(&mut self, manager: &str, leaves: &Leaves) {
        self.0.retain(|path, _| leaves.contains_key(path));
        for (path, value) in leaves {
            let standing = self.0.get(path);
            if standing.is_none_or(|field| field.value != *value) {
                let owners = BTreeSet::from([(manager.to_owned(), "Update")]);
                let value = value.clone();
                self.0.insert(path.clone(), Field { value, owners });
            }
        }
    }

    /// Who owns what stands otherwise, if that is to be asked; then nothing changes.
    pub(super) fn apply(
        &mut self,
        manager: &str,
        leaves: &Leaves,
        force: bool,
    ) -> Result<(), BTreeSet<(String, Owner)>> {
        let own = (manager.to_owned(), "Apply");
        let conflicts = self.conflicts(&own, leaves);
        if !force && !conflicts.is_empty() {
            return Err(conflicts);
        }
        let mut before = Vec::new();
        for (path, field) in &mut self.0 {
            if field.owners.remove(&own) {
                before.push(path.clone());
            }
        }
        for (path, value) in leaves {
            let field = self.0.entry(path.clone()).or_default();
            if field.value != *value {
                field.value = value.clone();
                field.owners.clear();
            }
            field.owners.insert(own.clone());
        }
        for path in before {
            if self
                .0
                .get(&path)
                .is_some_and(|field| field.owners.is_empty())
            {
                self.remove(&path);
            }
        }
        Ok(())
    }

    fn conflicts(&self, own: &Owner, leaves: &Leaves) -> BTreeSet<(String, Owner)> {
        let mut conflicts = BTreeSet::new();
        for (path, value) in leaves {
            let otherwise = self.0.get(path).filter(|field| field.value != *value);
            let owners = otherwise.into_iter().flat_map(|field| &field.owners);
            let others = owners.filter(|owner| *owner != own);
            conflicts.extend(others.map(|owner| (path.clone(), owner.clone())));
        }
        conflicts
    }

    /// An item goes with all that is in it, whoever owns that.
    fn remove(&mut self, path: &str) {
        self.0.retain(|other, _| {
            let inside = other.strip_prefix(path);
            !inside.is_some_and(|inside| inside.is_empty() || inside.starts_with(['.', '[']))
        });
    }

    pub(super) fn leaves(&self) -> Leaves {
        let leaves = self.0.iter();
        leaves
            .map(|(path, field)| (path.clone(), field.value.clone()))
            .collect()
    }

    pub(super) fn owners(&self) -> Owners {
        let owned = self.0.iter().filter(|(_, field)| !field.owners.is_empty());
        owned
            .map(|(path, field)| (path.clone(), field.owners.clone()))
            .collect()
    }
}

/// The fields of an object.
pub(super) fn leaves(object: &Value) -> Leaves {
    let mut leaves = Leaves::new();
    collect(".spec", &object["spec"], &mut leaves);
    leaves
}

fn collect(path: &str, value: &Value, leaves: &mut Leaves) {
    let is_whole = path.ends_with(".point") || path.ends_with(".args");
    match value {
        Value::Object(fields) if !is_whole => {
            for (name, value) in fields {
                collect(&format!("{path}.{name}"), value, leaves);
            }
        }
        Value::Array(items) if !is_whole => {
            for item in items {
                let item_path = match item.get("name") {
                    Some(name) => format!("{path}[name={name}]"),
                    None => format!("{path}[={item}]"),
                };
                leaves.insert(item_path.clone(), Value::Null);
                if item.is_object() {
                    collect(&item_path, item, leaves);
                }
            }
        }
        _ => {
            leaves.insert(path.to_owned(), value.clone());
        }
    }
}

/// The owners that an object's managedFields name.
pub(super) fn owners(object: &Value) -> Owners {
    let mut owners = Owners::new();
    let entries = object["metadata"]["managedFields"].as_array();
    for entry in entries.into_iter().flatten() {
        let operation = match entry["operation"].as_str() {
            Some("Apply") => "Apply",
            _ => "Update",
        };
        let manager = entry["manager"].as_str().unwrap_or_default();
        let owner = (manager.to_owned(), operation);
        members("", &entry["fieldsV1"], &mut |path| {
            owners.entry(path).or_default().insert(owner.clone());
        });
    }
    owners
}

fn members(path: &str, fields: &Value, found: &mut dyn FnMut(String)) {
    for (element, below) in fields.as_object().into_iter().flatten() {
        let path = match element.split_at_checked(2) {
            Some(("f:", name)) => format!("{path}.{name}"),
            Some(("v:", value)) => format!("{path}[={value}]"),
            Some(("k:", keys)) => {
                let keys: Value = serde_json::from_str(keys).unwrap_or_default();
                format!("{path}[name={}]", keys["name"])
            }
            _ => continue,
        };
        members(&path, below, found);
        let is_member =
            below.get(".").is_some() || below.as_object().is_some_and(|it| it.is_empty());
        if is_member && !HOLDERS.iter().any(|holder| path.ends_with(holder)) {
            found(path);
        }
    }
}
