//! An object as a watch brought it, before somebody who knows the kind reads it. So one list-watch serves all kinds:
//! made anew for each type, it would be a tenth of the program.

use std::borrow::Cow;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use kube::core::{ApiResource, DynamicResourceScope};
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// The JSON text of an object of any kind.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    /// The `resourceVersion`, from which a watch goes on, and nothing else.
    metadata: ObjectMeta,
    json: Arc<RawValue>,
}

impl Text {
    /// The object, which must be of that kind.
    pub(crate) fn read<K: DeserializeOwned>(&self) -> serde_json::Result<K> {
        serde_json::from_str(self.json.get())
    }
}

#[derive(Deserialize)]
struct Revised {
    metadata: Revision,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Revision {
    resource_version: Option<String>,
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let json = Arc::<RawValue>::from(Box::<RawValue>::deserialize(from)?);
        let Revised { metadata } = serde_json::from_str(json.get()).map_err(D::Error::custom)?;
        let metadata = ObjectMeta {
            resource_version: metadata.resource_version,
            ..ObjectMeta::default()
        };
        Ok(Self { metadata, json })
    }
}

impl Resource for Text {
    type DynamicType = ApiResource;
    type Scope = DynamicResourceScope;

    fn kind(of: &ApiResource) -> Cow<'_, str> {
        (&of.kind).into()
    }

    fn group(of: &ApiResource) -> Cow<'_, str> {
        (&of.group).into()
    }

    fn version(of: &ApiResource) -> Cow<'_, str> {
        (&of.version).into()
    }

    fn plural(of: &ApiResource) -> Cow<'_, str> {
        (&of.plural).into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::{ConfigMap, Pod};
    use kube::ResourceExt;
    use kube::core::{ObjectList, WatchEvent};

    use super::*;

    const OBJECT: &str = r#"{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"a","resourceVersion":"7"},"data":{"k":"v"}}"#;

    fn is_whole(text: &Text) {
        assert_eq!(text.resource_version().as_deref(), Some("7"));
        let map: ConfigMap = text.read().expect("a ConfigMap");
        assert_eq!(map.name_any(), "a");
        assert_eq!(map.data.expect("it has data")["k"], "v");
        assert!(text.read::<Pod>().is_err(), "it is no Pod");
    }

    #[test]
    fn lists_and_watches_bring_texts() {
        let list = format!(
            r#"{{"kind":"ConfigMapList","apiVersion":"v1","metadata":{{"resourceVersion":"9"}},"items":[{OBJECT}]}}"#
        );
        let list: ObjectList<Text> = serde_json::from_str(&list).expect("a list");
        assert_eq!(list.items.len(), 1);
        is_whole(&list.items[0]);

        let event = format!(r#"{{"type":"MODIFIED","object":{OBJECT}}}"#);
        let event: WatchEvent<Text> = serde_json::from_str(&event).expect("an event");
        let WatchEvent::Modified(text) = event else {
            panic!("{event:?}");
        };
        is_whole(&text);
    }

    #[test]
    fn what_is_no_object_is_refused() {
        assert!(serde_json::from_str::<Text>(r#"{"data":{}}"#).is_err());
        assert!(serde_json::from_str::<Text>("7").is_err());
    }
}
