//! Taking fields out of an object whose owners wrote it in several versions: what goes in one version comes back as far as
//! somebody owns it in another.

use std::collections::BTreeMap;

use serde_json::Value;

use super::configured::{fields_of, with_holders};
use super::entries::Entry;
use super::place::Place;
use super::remove::remove;
use super::set::FieldSet;
use super::versions::{Kind, Version};
use crate::Schema;

/// An object in one version.
struct Seen {
    schema: Schema,
    object: Value,
}

/// The object without the fields of `last` that none of the owners has any more, in the version of `own`. As it was, if
/// the version of `last` is gone.
pub(super) fn prune(
    kind: Kind<'_>,
    merged: Value,
    last: &Entry,
    own: &Entry,
    others: &[Entry],
) -> Value {
    pruned(kind, &merged, last, own, others).unwrap_or(merged)
}

fn pruned(
    kind: Kind<'_>,
    merged: &Value,
    last: &Entry,
    own: &Entry,
    others: &[Entry],
) -> Option<Value> {
    let mut owned: BTreeMap<&str, FieldSet> = BTreeMap::new();
    for entry in others.iter().chain([own]) {
        let fields = owned.entry(&entry.api_version).or_default();
        fields.unite(&entry.fields);
    }
    let then = Seen::of(kind, merged, &last.api_version)?;
    let applied = with_holders(&last.fields, Place::root(&then.schema));
    let mut left = then.without(&applied);
    for (version, owned) in owned {
        let Some(all) = Seen::of(kind, merged, version) else {
            continue;
        };
        let place = Place::root(&all.schema);
        let mut gone = all.missing_in(&kind.converted_to(&left, version)?);
        gone.subtract(&with_holders(&owned, place));
        left = all.without(&gone);
    }
    // What went along without ever having been applied comes back.
    let gone = then.missing_in(&kind.converted_to(&left, &last.api_version)?);
    let left = then.without(&gone.common(&applied));
    kind.converted_to(&left, &own.api_version)
}

impl Kind<'_> {
    /// An object in a version, which may be its own.
    fn converted_to(&self, object: &Value, api_version: &str) -> Option<Value> {
        if object["apiVersion"] == api_version {
            return Some(object.clone());
        }
        self.converted(object, api_version)
    }
}

impl Seen {
    fn of(kind: Kind<'_>, object: &Value, api_version: &str) -> Option<Self> {
        let schema = match kind.versions.of(api_version) {
            Version::Alike => kind.schema.clone(),
            Version::Other(schema) => schema,
            Version::Gone => return None,
        };
        let object = kind.converted_to(object, api_version)?;
        Some(Self { schema, object })
    }

    fn without(&self, gone: &FieldSet) -> Value {
        remove(Place::root(&self.schema), &self.object, gone).unwrap_or_default()
    }

    /// The fields that another state of it has not.
    fn missing_in(&self, other: &Value) -> FieldSet {
        let place = Place::root(&self.schema);
        let of = |object: &Value| with_holders(&fields_of(place, object), place);
        let mut missing = of(&self.object);
        missing.subtract(&of(other));
        missing
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::versions::Versions;
    use super::super::{Write, apply_among};
    use super::*;

    const OLD: &str = "example.com/v1beta1";
    const NEW: &str = "example.com/v1";

    /// `hostPort` in the old version is `host` and `port` in the new one.
    struct Written(&'static str);

    fn schema(api_version: &str) -> Schema {
        let text = json!({"type": "string"});
        let spec = match api_version {
            OLD => json!({"hostPort": text, "note": text}),
            _ => json!({"host": text, "port": text, "note": text}),
        };
        let properties = json!({"spec": {"type": "object", "properties": spec}});
        Schema::structural(&json!({"type": "object", "properties": properties}))
    }

    impl Versions for Written {
        fn of(&self, api_version: &str) -> Version {
            match api_version {
                own if own == self.0 => Version::Alike,
                OLD | NEW => Version::Other(schema(api_version)),
                _ => Version::Gone,
            }
        }

        fn converted(&self, object: &Value, api_version: &str) -> Option<Value> {
            let mut object = object.clone();
            object["apiVersion"] = api_version.into();
            let Some(spec) = object["spec"].as_object_mut() else {
                return Some(object);
            };
            let mut take = |field: &str| Some(spec.remove(field)?.as_str()?.to_owned());
            if api_version == NEW {
                if let Some((host, port)) = take("hostPort")
                    .as_deref()
                    .and_then(|both| both.split_once(':'))
                {
                    spec.insert("host".into(), host.into());
                    spec.insert("port".into(), port.into());
                }
            } else if let (Some(host), Some(port)) = (take("host"), take("port")) {
                spec.insert("hostPort".into(), format!("{host}:{port}").into());
            }
            Some(object)
        }
    }

    fn applied(live: Option<&Value>, manager: &str, version: &'static str, spec: Value) -> Value {
        let versions = Written(version);
        let live = live.map(|live| match live["apiVersion"] == version {
            true => live.clone(),
            false => versions.converted(live, version).unwrap(),
        });
        let schema = schema(version);
        let kind = Kind {
            schema: &schema,
            versions: &versions,
        };
        let write = Write {
            manager,
            api_version: version,
            subresource: "",
            status_apart: true,
            now: "2026-01-01T00:00:00Z",
        };
        let config = json!({"apiVersion": version, "kind": "Thing", "spec": spec});
        apply_among(live.as_ref(), &config, kind, &write, false).unwrap()
    }

    #[test]
    fn what_somebody_applied_in_another_version_goes() {
        let both = json!({"hostPort": "a:1", "note": "n"});
        let first = applied(None, "a", OLD, both);
        let second = applied(Some(&first), "a", NEW, json!({"note": "n"}));
        assert_eq!(second["spec"], json!({"note": "n"}));
        let owners = second["metadata"]["managedFields"].as_array().unwrap();
        assert_eq!(owners.len(), 1);
        assert_eq!(owners[0]["apiVersion"], NEW);
    }

    #[test]
    fn what_somebody_else_owns_in_any_version_stays() {
        let both = json!({"hostPort": "a:1", "note": "n"});
        let first = applied(None, "a", OLD, both);
        let shared = applied(Some(&first), "b", NEW, json!({"host": "a", "port": "1"}));
        let left = applied(Some(&shared), "a", NEW, json!({}));
        assert_eq!(left["spec"], json!({"host": "a", "port": "1"}));
        let gone = applied(Some(&left), "b", OLD, json!({"note": "m"}));
        assert_eq!(gone["spec"], json!({"note": "m"}));
    }
}
