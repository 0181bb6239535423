//! OpenAPI definitions and structural schemas to [`Schema`]s.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock};

use serde_json::Value;

use super::definitions::{QUANTITY, definitions};
use super::node::{Arena, ListType, MergeRule, NodeType, Schema, Shape, Use};

const MICRO_TIME: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime";
const OBJECT_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

/// The types of the built-in kinds, compiled when the first is asked for. They share most of what they are made of, so
/// one arena for all is smaller than one for each.
static BUILTIN: LazyLock<(Arc<Arena>, HashMap<String, u32>)> = LazyLock::new(|| {
    let (arena, named) = compile(&definitions(|_| true));
    (Arc::new(arena), named)
});

impl Schema {
    /// A built-in type by its name in OpenAPI, such as `io.k8s.api.apps.v1.Deployment`.
    pub fn of(type_name: &str) -> Option<Self> {
        let (arena, named) = &*BUILTIN;
        let shape = *named.get(type_name)?;
        Some(Self::new(arena.clone(), Use { shape, extra: None }))
    }

    /// The structural schema of a custom resource (CustomResourceDefinition `openAPIV3Schema`); `apiVersion`, `kind`
    /// and `metadata` are added to its fields.
    pub fn structural(schema: &Value) -> Self {
        let mut schema = schema.clone();
        if let Some(properties) = schema["properties"].as_object_mut() {
            let metadata = serde_json::json!({ "$ref": format!("#/definitions/{OBJECT_META}") });
            properties.insert("metadata".into(), metadata);
            for field in ["apiVersion", "kind"] {
                properties.insert(field.into(), serde_json::json!({ "type": "string" }));
            }
        }
        let mut compiler = Compiler::default();
        compiler.add_definitions(&definitions(|_| false));
        compiler.structural = true;
        let root = compiler.use_of(&schema);
        Self::new(Arc::new(compiler.arena), root)
    }
}

/// All definitions as shapes, and where each name is.
fn compile(definitions: &BTreeMap<String, Value>) -> (Arena, HashMap<String, u32>) {
    let mut compiler = Compiler::default();
    compiler.add_definitions(definitions);
    (compiler.arena, compiler.named)
}

#[derive(Default)]
struct Compiler {
    arena: Arena,
    named: HashMap<String, u32>,
    /// Types without structure, which all uses share.
    plain: HashMap<NodeType, u32>,
    /// In a structural schema an object without fields has none; in a built-in type it may have any.
    structural: bool,
}

impl Compiler {
    fn add_definitions(&mut self, definitions: &BTreeMap<String, Value>) {
        for (name, definition) in definitions {
            let index = self.index_of(name);
            let mut shape = self.shape_of(definition, Some(name));
            shape.name = Some(name.as_str().into());
            self.arena.shapes[index as usize] = shape;
        }
    }

    /// Where a named type is, or will be.
    fn index_of(&mut self, name: &str) -> u32 {
        if let Some(index) = self.named.get(name) {
            return *index;
        }
        let index = self.push(Shape::new(NodeType::Any));
        self.named.insert(name.to_owned(), index);
        index
    }

    fn push(&mut self, shape: Shape) -> u32 {
        self.arena.shapes.push(shape);
        (self.arena.shapes.len() - 1) as u32
    }

    fn use_of(&mut self, schema: &Value) -> Use {
        let rule = rule_of(schema);
        let default = schema.get("default").cloned();
        let extra =
            (rule != MergeRule::default() || default.is_some()).then(|| Arc::new((rule, default)));
        let reference = schema["$ref"].as_str();
        let shape = match reference.and_then(|path| path.strip_prefix("#/definitions/")) {
            Some(name) => self.index_of(name),
            None => self.anonymous(schema),
        };
        Use { shape, extra }
    }

    fn anonymous(&mut self, schema: &Value) -> u32 {
        let node_type = node_type_of(schema, None);
        if matches!(node_type, NodeType::Object | NodeType::Array) {
            let shape = self.shape_of(schema, None);
            return self.push(shape);
        }
        if let Some(index) = self.plain.get(&node_type) {
            return *index;
        }
        let index = self.push(Shape::new(node_type));
        self.plain.insert(node_type, index);
        index
    }

    fn shape_of(&mut self, schema: &Value, name: Option<&str>) -> Shape {
        let mut shape = Shape::new(node_type_of(schema, name));
        // serde_json sorts keys, as `Node::field` needs it; sorted again, should that feature ever change.
        let fields = schema["properties"].as_object().into_iter().flatten();
        let mut properties: Vec<(Box<str>, Use)> = fields
            .map(|(name, field)| (name.as_str().into(), self.use_of(field)))
            .collect();
        properties.sort_by(|(one, _), (other, _)| one.cmp(other));
        shape.properties = properties.into();
        shape.required = texts(&schema["required"]).into();
        let additional = &schema["additionalProperties"];
        shape.additional = additional.is_object().then(|| self.use_of(additional));
        shape.items = schema.get("items").map(|items| self.use_of(items));
        let is_open = shape.properties.is_empty() && shape.additional.is_none() && !self.structural;
        shape.preserves_unknown = is_open
            || additional == &Value::Bool(true)
            || schema["x-kubernetes-preserve-unknown-fields"] == true;
        shape.atomic = schema["x-kubernetes-map-type"] == "atomic";
        shape
    }
}

fn node_type_of(schema: &Value, name: Option<&str>) -> NodeType {
    if schema["x-kubernetes-int-or-string"] == true {
        return NodeType::IntOrString;
    }
    match (schema["type"].as_str(), schema["format"].as_str()) {
        _ if name == Some(QUANTITY) => NodeType::Quantity,
        (Some("string"), Some("int-or-string")) => NodeType::IntOrString,
        (Some("string"), Some("date-time")) if name == Some(MICRO_TIME) => NodeType::MicroTime,
        (Some("string"), Some("date-time")) if name.is_some() => NodeType::Time,
        (Some("string"), Some("byte")) => NodeType::Bytes,
        (Some("string"), _) => NodeType::String,
        (Some("integer"), Some("int32")) => NodeType::Int32,
        (Some("integer"), _) => NodeType::Int64,
        (Some("number"), _) => NodeType::Number,
        (Some("boolean"), _) => NodeType::Boolean,
        (Some("array"), _) => NodeType::Array,
        (Some("object"), _) => NodeType::Object,
        _ => NodeType::Any,
    }
}

fn rule_of(schema: &Value) -> MergeRule {
    let strategies = schema["x-kubernetes-patch-strategy"]
        .as_str()
        .unwrap_or_default();
    let has = |wanted| strategies.split(',').any(|strategy| strategy == wanted);
    MergeRule {
        merge: has("merge"),
        replace: has("replace"),
        retain_keys: has("retainKeys"),
        merge_key: schema["x-kubernetes-patch-merge-key"]
            .as_str()
            .map(Into::into),
        list_type: match schema["x-kubernetes-list-type"].as_str() {
            Some("atomic") => Some(ListType::Atomic),
            Some("set") => Some(ListType::Set),
            Some("map") => Some(ListType::Map),
            _ => None,
        },
        list_map_keys: texts(&schema["x-kubernetes-list-map-keys"]),
        atomic_map: schema["x-kubernetes-map-type"] == "atomic",
    }
}

fn texts(list: &Value) -> Vec<Box<str>> {
    let items = list.as_array().into_iter().flatten();
    items.filter_map(Value::as_str).map(Into::into).collect()
}
