//! A structural schema, compiled: what pruning, defaults and validation of custom resources walk beside a value
//! (<https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema>).

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::Value;

use super::rule::Rule;

/// The largest compiled pattern, in bytes.
const PATTERN_BYTES: usize = 1 << 20;

/// A place in a structural schema.
#[derive(Default)]
pub(crate) struct Shape {
    /// `object`, `array`, `string`, …; `None` for anything.
    pub(super) type_name: Option<Box<str>>,
    pub(super) nullable: bool,
    pub(super) int_or_string: bool,
    pub(super) preserves_unknown: bool,
    /// An object with `apiVersion`, `kind` and `metadata` of its own.
    pub(super) embedded: bool,
    pub(super) properties: BTreeMap<Box<str>, Shape>,
    pub(super) additional: Additional,
    pub(super) items: Option<Box<Shape>>,
    pub(super) required: Vec<Box<str>>,
    pub(super) default: Option<Value>,
    pub(super) list: List,
    /// In CEL.
    pub(super) rules: Vec<Rule>,
    /// Whether there are rules here or below.
    pub(super) is_ruled: bool,
    /// Most places have none.
    pub(super) checks: Option<Box<Checks>>,
}

/// What an object holds beside its properties.
#[derive(Default)]
pub(super) enum Additional {
    #[default]
    None,
    Any,
    Each(Box<Shape>),
}

/// How the items of a list are told apart (`x-kubernetes-list-type`).
#[derive(Default)]
pub(super) enum List {
    #[default]
    Atomic,
    Set,
    Map(Vec<Box<str>>),
}

/// The rules of a value beyond its structure.
#[derive(Default)]
pub(super) struct Checks {
    pub(super) maximum: Option<f64>,
    pub(super) exclusive_maximum: bool,
    pub(super) minimum: Option<f64>,
    pub(super) exclusive_minimum: bool,
    pub(super) multiple_of: Option<f64>,
    pub(super) max_length: Option<usize>,
    pub(super) min_length: Option<usize>,
    pub(super) max_items: Option<usize>,
    pub(super) min_items: Option<usize>,
    pub(super) max_properties: Option<usize>,
    pub(super) min_properties: Option<usize>,
    pub(super) pattern: Option<Pattern>,
    pub(super) format: Option<Box<str>>,
    pub(super) choices: Option<Vec<Value>>,
    pub(super) all_of: Vec<Shape>,
    pub(super) any_of: Vec<Shape>,
    pub(super) one_of: Vec<Shape>,
    pub(super) not: Option<Shape>,
}

/// A regular expression as it was written, and compiled.
pub(super) struct Pattern {
    pub(super) text: Box<str>,
    pub(super) regex: Regex,
}

/// Compiles a pattern; the words of the error if it is none.
pub(crate) fn pattern(text: &str) -> Result<Regex, String> {
    let builder = regex::RegexBuilder::new(text)
        .size_limit(PATTERN_BYTES)
        .build();
    builder.map_err(|error| error.to_string())
}

impl Shape {
    /// Compiles an `openAPIV3Schema`. What does not belong into one is passed over: validation of the definition has
    /// refused it.
    pub(crate) fn compile(schema: &Value) -> Self {
        let mut shape = Self {
            type_name: schema["type"].as_str().map(Into::into),
            nullable: schema["nullable"] == true,
            int_or_string: schema["x-kubernetes-int-or-string"] == true,
            preserves_unknown: schema["x-kubernetes-preserve-unknown-fields"] == true,
            embedded: schema["x-kubernetes-embedded-resource"] == true,
            properties: properties(&schema["properties"]),
            additional: match &schema["additionalProperties"] {
                Value::Bool(true) => Additional::Any,
                each @ Value::Object(_) => Additional::Each(Box::new(Self::compile(each))),
                _ => Additional::None,
            },
            items: schema
                .get("items")
                .filter(|items| items.is_object())
                .map(|items| Box::new(Self::compile(items))),
            required: texts(&schema["required"]),
            default: schema.get("default").cloned(),
            list: match schema["x-kubernetes-list-type"].as_str() {
                Some("set") => List::Set,
                Some("map") => List::Map(texts(&schema["x-kubernetes-list-map-keys"])),
                _ => List::Atomic,
            },
            rules: Rule::compile_all(&schema["x-kubernetes-validations"]),
            is_ruled: false,
            checks: Checks::compile(schema),
        };
        shape.is_ruled = !shape.rules.is_empty() || shape.inner().any(|inner| inner.is_ruled);
        shape
    }

    /// What it is made of.
    fn inner(&self) -> impl Iterator<Item = &Shape> {
        let each = match &self.additional {
            Additional::Each(each) => Some(&**each),
            Additional::Any | Additional::None => None,
        };
        let items = self.items.as_deref();
        self.properties.values().chain(items).chain(each)
    }

    /// A field of an object, or what each value of a map is.
    pub(super) fn field(&self, name: &str) -> Option<&Shape> {
        self.properties.get(name).or(match &self.additional {
            Additional::Each(each) => Some(each),
            Additional::Any | Additional::None => None,
        })
    }

    /// Whether any place below has a default.
    pub(super) fn has_defaults(&self) -> bool {
        self.default.is_some() || self.inner().any(Self::has_defaults)
    }
}

impl Checks {
    fn compile(schema: &Value) -> Option<Box<Self>> {
        const NAMES: [&str; 16] = [
            "maximum",
            "minimum",
            "multipleOf",
            "maxLength",
            "minLength",
            "maxItems",
            "minItems",
            "maxProperties",
            "minProperties",
            "pattern",
            "format",
            "enum",
            "not",
            "allOf",
            "anyOf",
            "oneOf",
        ];
        let fields = schema.as_object()?;
        if !NAMES.iter().any(|name| fields.contains_key(*name)) {
            return None;
        }
        let number = |name: &str| schema[name].as_f64();
        let count = |name: &str| schema[name].as_u64().map(|count| count as usize);
        let pattern = schema["pattern"].as_str().and_then(|text| {
            let regex = pattern(text).ok()?;
            let text = text.into();
            Some(Pattern { text, regex })
        });
        let all = |name: &str| {
            let shapes = schema[name].as_array().into_iter().flatten();
            shapes.map(Shape::compile).collect()
        };
        Some(Box::new(Self {
            maximum: number("maximum"),
            exclusive_maximum: schema["exclusiveMaximum"] == true,
            minimum: number("minimum"),
            exclusive_minimum: schema["exclusiveMinimum"] == true,
            multiple_of: number("multipleOf").filter(|of| *of > 0.0),
            max_length: count("maxLength"),
            min_length: count("minLength"),
            max_items: count("maxItems"),
            min_items: count("minItems"),
            max_properties: count("maxProperties"),
            min_properties: count("minProperties"),
            pattern,
            format: schema["format"].as_str().map(Into::into),
            choices: schema["enum"].as_array().cloned(),
            all_of: all("allOf"),
            any_of: all("anyOf"),
            one_of: all("oneOf"),
            not: schema.get("not").map(Shape::compile),
        }))
    }
}

fn properties(properties: &Value) -> BTreeMap<Box<str>, Shape> {
    let properties = properties.as_object().into_iter().flatten();
    properties
        .map(|(name, schema)| (name.as_str().into(), Shape::compile(schema)))
        .collect()
}

fn texts(list: &Value) -> Vec<Box<str>> {
    let items = list.as_array().into_iter().flatten();
    items.filter_map(Value::as_str).map(Into::into).collect()
}
