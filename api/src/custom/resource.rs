//! One version of a custom kind and its rules.

use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::columns::Columns;
use super::shapes::{Shapes, api_version};
use super::{JsonPath, Shape, default, openapi, prune, rules, validate};
use crate::field::{Error, ErrorKind, Errors, Path};
use crate::{Column, Descriptor, FieldValidation, Schema, Sent, Status, Strategy};

const OBJECT_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

/// Objects are converted by a webhook (`spec.conversion.strategy`).
pub(crate) const STRATEGY_WEBHOOK: &str = "Webhook";

/// What a version of a CustomResourceDefinition says of its objects.
pub struct CustomResource {
    api_version: String,
    /// In which version its objects stand in the store.
    stored_as: String,
    list_kind: String,
    deprecation: Option<String>,
    /// The definition wants a webhook to convert objects.
    by_webhook: bool,
    /// The definition is being deleted.
    terminating: bool,
    /// Objects written before this revision may lack defaults.
    revision: u64,
    has_defaults: bool,
    shape: Arc<Shape>,
    /// Those of all versions, this one among them.
    shapes: Arc<Shapes>,
    /// The schema as text: it is seldom read, and much smaller so.
    schema_text: Box<str>,
    schema: OnceLock<Schema>,
    columns: Columns,
    selectable: Vec<(String, JsonPath)>,
}

impl CustomResource {
    pub(super) fn new(
        definition: &Value,
        version: &Value,
        shapes: &Arc<Shapes>,
        revision: u64,
    ) -> Self {
        let api_version = api_version(definition, version);
        let mut versions = definition["spec"]["versions"]
            .as_array()
            .into_iter()
            .flatten();
        let stored = versions.find(|version| version["storage"] == true);
        let schema = &version["schema"]["openAPIV3Schema"];
        let shape = shapes.of(&api_version).unwrap_or_default();
        let names = &definition["status"]["acceptedNames"];
        Self {
            api_version,
            stored_as: self::api_version(definition, stored.unwrap_or(version)),
            list_kind: names["listKind"].as_str().unwrap_or_default().to_owned(),
            deprecation: deprecation(definition, version),
            by_webhook: definition["spec"]["conversion"]["strategy"] == STRATEGY_WEBHOOK,
            terminating: definition["metadata"]["deletionTimestamp"].is_string(),
            // Who writes in another version fills in the defaults of that one.
            revision: if shapes.is_one() { revision } else { u64::MAX },
            has_defaults: shape.has_defaults(),
            shape,
            shapes: Arc::clone(shapes),
            schema_text: schema.to_string().into(),
            schema: OnceLock::new(),
            columns: Columns::of(version),
            selectable: selectable(&version["selectableFields"]),
        }
    }

    /// The kind of its lists, such as `ThingList`.
    pub fn list_kind(&self) -> &str {
        &self.list_kind
    }

    /// Whether the definition is being deleted, so that no objects may be made.
    pub fn is_terminating(&self) -> bool {
        self.terminating
    }

    /// This version, such as `example.com/v1`.
    pub fn api_version(&self) -> &str {
        &self.api_version
    }

    /// The version that objects are stored in.
    pub fn stored_as(&self) -> &str {
        &self.stored_as
    }

    /// Whether a webhook takes objects from one version to another. If none does, nothing but `apiVersion` changes.
    pub fn is_converted_by_webhook(&self) -> bool {
        self.by_webhook
    }

    /// Whether a stored object, last written at `revision`, must be looked at before it is shown.
    pub fn needs_look(&self, stored: &[u8], revision: u64) -> bool {
        let version = self.api_version.as_bytes();
        let start = b"{\"apiVersion\":\"";
        let same_version = stored.strip_prefix(start).is_some_and(|rest| {
            rest.strip_prefix(version)
                .is_some_and(|rest| rest.first() == Some(&b'"'))
        });
        !same_version || (self.has_defaults && revision < self.revision)
    }

    /// Fills in the defaults of the version that a stored object is in.
    pub fn complete(&self, stored: &mut Value) {
        if let Some(shape) = self.shapes.of_object(stored) {
            default::apply(&shape, stored);
        }
    }

    /// Drops what the version that a converted object is in does not know.
    pub fn prune(&self, converted: &mut Value) {
        if let Some(shape) = self.shapes.of_object(converted) {
            prune::prune(&shape, converted);
        }
    }

    /// What is done first with an object that was sent: unknown fields are refused or dropped. Wrong types are told
    /// later, with all else that is wrong, but for those in `metadata`.
    ///
    /// # Errors
    /// 400 if the object is refused.
    pub fn conform(
        &self,
        object: &mut Value,
        sent: Sent<'_>,
        validation: FieldValidation,
    ) -> Result<Vec<String>, Status> {
        let mut unknown = conform_metadata(object)?;
        unknown.extend(prune::prune(&self.shape, object));
        validation.judge(object, sent, &unknown)
    }

    /// The types that OpenAPI tells of it, in version 2 or 3: the kind and its list, by type name.
    pub fn definitions(&self, descriptor: &Descriptor, for_v2: bool) -> Map<String, Value> {
        openapi::definitions(descriptor, &self.schema_json(), &self.list_kind, for_v2)
    }

    fn schema_json(&self) -> Value {
        serde_json::from_str(&self.schema_text).unwrap_or_default()
    }

    /// Rules in CEL are tried only on what has the right structure.
    fn errors(&self, new: &Value, old: Option<&Value>) -> Errors {
        let mut errors = validate::validate(&self.shape, new, old);
        if !self.shape.is_ruled {
            return errors;
        }
        if errors.iter().any(hides_others) {
            let words = "some validation rules were not checked because the object was invalid; correct the existing errors to complete validation";
            errors.push(Error::invalid(&Path::root(""), Value::Null, words));
        } else {
            errors.extend(rules::broken(&self.shape, new, old));
        }
        errors
    }
}

fn deprecation(definition: &Value, version: &Value) -> Option<String> {
    let own = version["deprecationWarning"].as_str().map(str::to_owned);
    let kind = definition["status"]["acceptedNames"]["kind"].as_str();
    let usual = || {
        let version = api_version(definition, version);
        format!("{version} {} is deprecated", kind.unwrap_or_default())
    };
    (version["deprecated"] == true).then(|| own.unwrap_or_else(usual))
}

/// Whether rules may fail for no other reason than this error.
fn hides_others(error: &Error) -> bool {
    matches!(
        error.kind,
        ErrorKind::Required | ErrorKind::TooLong | ErrorKind::TooMany | ErrorKind::TypeInvalid
    )
}

/// Holds `metadata` against its type; answers with the unknown fields, which go.
fn conform_metadata(object: &mut Value) -> Result<Vec<String>, Status> {
    let Some(schema) = Schema::of(OBJECT_META) else {
        return Ok(Vec::new());
    };
    let checked = schema.check(&object["metadata"]);
    if let Some(error) = checked.type_error {
        return Err(FieldValidation::cannot_be_handled(object, &error));
    }
    if let Some(metadata) = object.get_mut("metadata") {
        schema.prune(metadata);
    }
    let unknown = checked
        .unknown
        .iter()
        .map(|field| format!("metadata.{field}"));
    Ok(unknown.collect())
}

/// The fields that lists can be narrowed by, such as `spec.color`.
fn selectable(fields: &Value) -> Vec<(String, JsonPath)> {
    let fields = fields.as_array().into_iter().flatten();
    let field = |field: &Value| {
        let text = field["jsonPath"].as_str()?;
        let path = JsonPath::parse(text).ok()?;
        Some((text.trim_start_matches('.').to_owned(), path))
    };
    fields.filter_map(field).collect()
}

impl Strategy for CustomResource {
    fn custom(&self) -> Option<&CustomResource> {
        Some(self)
    }

    fn deprecation(&self) -> Option<&str> {
        self.deprecation.as_deref()
    }

    fn schema(&self) -> Option<Schema> {
        let compile = || Schema::structural(&self.schema_json());
        Some(self.schema.get_or_init(compile).clone())
    }

    fn default(&self, object: &mut Value) {
        default::apply(&self.shape, object);
    }

    fn validate_create(&self, object: &Value) -> Errors {
        self.errors(object, None)
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Errors {
        self.errors(new, Some(old))
    }

    fn validate_status(&self, new: &Value, old: &Value) -> Errors {
        self.errors(new, Some(old))
    }

    fn selectable_field(&self, object: &Value, field: &str) -> Option<String> {
        let (_, path) = self.selectable.iter().find(|(known, _)| known == field)?;
        Some(match path.first(object) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Null) | None => String::new(),
            Some(other) => other.to_string(),
        })
    }

    fn columns(&self) -> Vec<Column> {
        self.columns.headings()
    }

    fn cells(&self, object: &Value, now: Timestamp) -> Vec<Value> {
        self.columns.cells(object, now)
    }
}
