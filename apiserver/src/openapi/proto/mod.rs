//! OpenAPI v2 in protobuf, the form that older kubectls ask for. What has no field of its own there, such as
//! `x-kubernetes-…`, goes as YAML, of which JSON is a part.

mod messages;

use prost::Message as _;
use serde_json::{Map, Value};

use messages::{
    AdditionalPropertiesItem, Any, BodyParameter, Definitions, Document, Info, ItemsItem, NamedAny,
    NamedPathItem, NamedResponseValue, NamedSchema, NonBodyParameter, Operation, Parameter,
    ParametersItem, PathItem, PathParameter, Paths, QueryParameter, Response, ResponseValue,
    Responses, Schema, SchemaItem, TypeItem,
};

/// The document in protobuf.
pub(super) fn encode(document: &Value) -> Vec<u8> {
    Document {
        swagger: text(&document["swagger"]),
        info: Some(Info {
            title: text(&document["info"]["title"]),
            version: text(&document["info"]["version"]),
        }),
        paths: Some(Paths {
            path: named(&document["paths"], path_item),
        }),
        definitions: Some(Definitions {
            additional_properties: named(&document["definitions"], schema),
        }),
    }
    .encode_to_vec()
}

/// A name and its value, which protobuf has as a message a type.
trait Named<V> {
    fn new(name: String, value: V) -> Self;
}

impl Named<PathItem> for NamedPathItem {
    fn new(name: String, value: PathItem) -> Self {
        let value = Some(value);
        Self { name, value }
    }
}

impl Named<Schema> for NamedSchema {
    fn new(name: String, value: Schema) -> Self {
        let value = Some(value);
        Self { name, value }
    }
}

fn named<N: Named<V>, V>(map: &Value, convert: impl Fn(&Value) -> V) -> Vec<N> {
    let entries = map.as_object().into_iter().flatten();
    entries
        .map(|(name, value)| N::new(name.clone(), convert(value)))
        .collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(text).collect()
}

fn any(value: &Value) -> Any {
    Any {
        yaml: value.to_string(),
    }
}

fn extensions(fields: &Value) -> Vec<NamedAny> {
    let none = Map::new();
    let fields = fields.as_object().unwrap_or(&none);
    let extensions = fields.iter().filter(|(name, _)| name.starts_with("x-"));
    extensions
        .map(|(name, value)| NamedAny {
            name: name.clone(),
            value: Some(any(value)),
        })
        .collect()
}

fn path_item(item: &Value) -> PathItem {
    let method = |name: &str| item.get(name).map(operation);
    PathItem {
        get: method("get"),
        put: method("put"),
        post: method("post"),
        delete: method("delete"),
        patch: method("patch"),
    }
}

fn operation(operation: &Value) -> Operation {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let responses = operation["responses"].as_object().into_iter().flatten();
    Operation {
        operation_id: text(&operation["operationId"]),
        produces: texts(&operation["produces"]),
        consumes: texts(&operation["consumes"]),
        parameters: parameters.map(parameter).collect(),
        responses: Some(Responses {
            response_code: responses.map(response).collect(),
        }),
        schemes: texts(&operation["schemes"]),
        vendor_extension: extensions(operation),
    }
}

fn parameter(parameter: &Value) -> ParametersItem {
    let (name, place) = (text(&parameter["name"]), text(&parameter["in"]));
    let required = parameter["required"].as_bool().unwrap_or_default();
    let value_type = text(&parameter["type"]);
    let mut described = Parameter::default();
    if place == "body" {
        described.body_parameter = Some(BodyParameter {
            name,
            place,
            required,
            schema: Some(schema(&parameter["schema"])),
        });
    } else if place == "path" {
        let path = Some(PathParameter {
            required,
            place,
            name,
            value_type,
        });
        described.non_body_parameter = Some(NonBodyParameter { query: None, path });
    } else {
        let query = Some(QueryParameter {
            place,
            name,
            value_type,
        });
        described.non_body_parameter = Some(NonBodyParameter { query, path: None });
    }
    ParametersItem {
        parameter: Some(described),
    }
}

fn response((code, response): (&String, &Value)) -> NamedResponseValue {
    let schema = SchemaItem {
        schema: Some(schema(&response["schema"])),
    };
    let response = Response {
        description: text(&response["description"]),
        schema: Some(schema),
    };
    NamedResponseValue {
        name: code.clone(),
        value: Some(ResponseValue {
            response: Some(response),
        }),
    }
}

fn schema(from: &Value) -> Schema {
    let types = match &from["type"] {
        Value::String(one) => vec![one.clone()],
        many => texts(many),
    };
    let values = from.get("additionalProperties").filter(|it| it.is_object());
    Schema {
        reference: text(&from["$ref"]),
        format: text(&from["format"]),
        description: text(&from["description"]),
        default: from.get("default").map(any),
        required: texts(&from["required"]),
        additional_properties: values.map(|values| {
            let schema = Some(Box::new(schema(values)));
            Box::new(AdditionalPropertiesItem { schema })
        }),
        value_type: (!types.is_empty()).then_some(TypeItem { value: types }),
        items: from.get("items").map(|items| ItemsItem {
            schema: vec![schema(items)],
        }),
        properties: from["properties"].is_object().then(|| Definitions {
            additional_properties: named(&from["properties"], schema),
        }),
        vendor_extension: extensions(from),
    }
}
