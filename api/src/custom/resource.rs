//! One version of a custom kind and its rules.

use std::borrow::Cow;
use std::sync::OnceLock;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::columns::Columns;
use super::versions::STRATEGY_WEBHOOK;
use super::{JsonPath, Shape, default, openapi, prune, validate};
use crate::cel::Rules;
use crate::field::{Error, ErrorKind, Errors, Path};
use crate::{Column, Descriptor, FieldValidation, Schema, Status, Strategy};

const OBJECT_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

/// What a version of a CustomResourceDefinition says of its objects.
pub struct CustomResource {
    api_version: String,
    /// In which version its objects stand in the store.
    stored_as: String,
    list_kind: String,
    /// The definition wants a webhook to convert objects.
    by_webhook: bool,
    /// The definition is being deleted.
    terminating: bool,
    /// Objects written before this revision may lack defaults.
    revision: u64,
    has_defaults: bool,
    shape: Shape,
    /// The schema as text: it is seldom read, and much smaller so.
    schema_text: Box<str>,
    schema: OnceLock<Schema>,
    rules: Option<Rules>,
    columns: Columns,
    selectable: Vec<(String, JsonPath)>,
}

impl CustomResource {
    pub(super) fn new(definition: &Value, version: &Value, revision: u64) -> Self {
        let spec = &definition["spec"];
        let group = spec["group"].as_str().unwrap_or_default();
        let api_version =
            |version: &Value| format!("{group}/{}", version["name"].as_str().unwrap_or_default());
        let mut versions = spec["versions"].as_array().into_iter().flatten();
        let is_only = versions.clone().count() == 1;
        let stored = versions.find(|version| version["storage"] == true);
        let schema = &version["schema"]["openAPIV3Schema"];
        let shape = Shape::compile(schema);
        let names = &definition["status"]["acceptedNames"];
        Self {
            api_version: api_version(version),
            stored_as: api_version(stored.unwrap_or(version)),
            list_kind: names["listKind"].as_str().unwrap_or_default().to_owned(),
            by_webhook: spec["conversion"]["strategy"] == STRATEGY_WEBHOOK,
            terminating: definition["metadata"]["deletionTimestamp"].is_string(),
            // Who writes in another version fills in the defaults of that one.
            revision: if is_only { revision } else { u64::MAX },
            has_defaults: shape.has_defaults(),
            shape,
            schema_text: schema.to_string().into(),
            schema: OnceLock::new(),
            rules: Rules::of(schema),
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

    /// The version that objects are stored in, if that is another one.
    pub fn stored_as(&self) -> Option<&str> {
        (self.stored_as != self.api_version).then_some(&self.stored_as)
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

    /// A stored object as this version shows it.
    ///
    /// # Errors
    /// 500 if it is of another version and only a webhook knows how to convert it.
    pub fn shown(&self, mut stored: Value) -> Result<Value, Status> {
        if stored["apiVersion"] != self.api_version.as_str() {
            stored = self.converted(stored, &self.api_version)?;
            prune::prune(&self.shape, &mut stored);
        }
        default::apply(&self.shape, &mut stored);
        Ok(stored)
    }

    /// An object of this version as it is stored.
    ///
    /// # Errors
    /// As of [`Self::shown`].
    pub fn to_store<'a>(&self, object: &'a Value) -> Result<Cow<'a, Value>, Status> {
        if self.stored_as == self.api_version {
            return Ok(Cow::Borrowed(object));
        }
        self.converted(object.clone(), &self.stored_as)
            .map(Cow::Owned)
    }

    /// The strategy `None` changes nothing but `apiVersion`.
    fn converted(&self, mut object: Value, version: &str) -> Result<Value, Status> {
        if self.by_webhook {
            let (from, kind) = (&object["apiVersion"], &object["kind"]);
            return Err(Status::internal(format!(
                "conversion webhook for {from}, Kind={kind} failed: webhooks are not called"
            )));
        }
        object["apiVersion"] = version.into();
        Ok(object)
    }

    /// What is done first with an object that was sent: unknown fields are refused or dropped. Wrong types are told
    /// later, with all else that is wrong, but for those in `metadata`.
    ///
    /// # Errors
    /// 400 if the object is refused.
    pub fn conform(
        &self,
        object: &mut Value,
        duplicates: &[String],
        validation: FieldValidation,
    ) -> Result<Vec<String>, Status> {
        let mut unknown = conform_metadata(object)?;
        unknown.extend(prune::prune(&self.shape, object));
        validation.judge(object, duplicates, &unknown)
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
        let Some(rules) = &self.rules else {
            return errors;
        };
        if errors.iter().any(hides_others) {
            let words = "some validation rules were not checked because the object was invalid; correct the existing errors to complete validation";
            errors.push(Error::invalid(&Path::root(""), Value::Null, words));
        } else {
            errors.extend(rules.broken(new, old));
        }
        errors
    }
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
