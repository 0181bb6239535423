//! The schemas of all versions of a definition: stored objects are in any of them.

use std::sync::Arc;

use serde_json::Value;

use super::Shape;

/// The compiled schemas, by version.
pub(super) struct Shapes(Vec<(String, Arc<Shape>)>);

impl Shapes {
    /// Compiles the schemas of a definition.
    pub(super) fn compile(definition: &Value) -> Self {
        let versions = definition["spec"]["versions"].as_array();
        let compiled = versions.into_iter().flatten().map(|version| {
            let shape = Shape::compile(&version["schema"]["openAPIV3Schema"]);
            (api_version(definition, version), Arc::new(shape))
        });
        Self(compiled.collect())
    }

    /// Whether there is no other version.
    pub(super) fn is_one(&self) -> bool {
        self.0.len() == 1
    }

    /// That of a version such as `example.com/v1`.
    pub(super) fn of(&self, api_version: &str) -> Option<Arc<Shape>> {
        let found = self.0.iter().find(|(version, _)| version == api_version)?;
        Some(Arc::clone(&found.1))
    }

    /// That of the version that an object is in.
    pub(super) fn of_object(&self, object: &Value) -> Option<Arc<Shape>> {
        self.of(object["apiVersion"].as_str()?)
    }
}

/// `example.com/v1`, of a version of a definition.
pub(super) fn api_version(definition: &Value, version: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (group, version) = (text(&definition["spec"]["group"]), text(&version["name"]));
    format!("{group}/{version}")
}
