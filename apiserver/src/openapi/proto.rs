//! OpenAPI v2 in protobuf, the form that kubectl asks for: the messages of gnostic's `openapi.v2` package, as much of
//! them as the document has. Field numbers are those of OpenAPIv2.proto; what has no field of its own there, such as
//! `x-kubernetes-…`, goes as YAML, of which JSON is a part.

use prost::Message;
use serde_json::{Map, Value};

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

#[derive(Message)]
struct Document {
    #[prost(string, tag = "1")]
    swagger: String,
    #[prost(message, optional, tag = "2")]
    info: Option<Info>,
    #[prost(message, optional, tag = "8")]
    paths: Option<Paths>,
    #[prost(message, optional, tag = "9")]
    definitions: Option<Definitions>,
}

#[derive(Message)]
struct Info {
    #[prost(string, tag = "1")]
    title: String,
    #[prost(string, tag = "2")]
    version: String,
}

#[derive(Message)]
struct Paths {
    #[prost(message, repeated, tag = "2")]
    path: Vec<NamedPathItem>,
}

#[derive(Message)]
struct NamedPathItem {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, optional, tag = "2")]
    value: Option<PathItem>,
}

#[derive(Message)]
struct PathItem {
    #[prost(message, optional, tag = "2")]
    get: Option<Operation>,
    #[prost(message, optional, tag = "3")]
    put: Option<Operation>,
    #[prost(message, optional, tag = "4")]
    post: Option<Operation>,
    #[prost(message, optional, tag = "5")]
    delete: Option<Operation>,
    #[prost(message, optional, tag = "8")]
    patch: Option<Operation>,
}

#[derive(Message)]
struct Operation {
    #[prost(string, tag = "5")]
    operation_id: String,
    #[prost(string, repeated, tag = "6")]
    produces: Vec<String>,
    #[prost(string, repeated, tag = "7")]
    consumes: Vec<String>,
    #[prost(message, repeated, tag = "8")]
    parameters: Vec<ParametersItem>,
    #[prost(message, optional, tag = "9")]
    responses: Option<Responses>,
    #[prost(string, repeated, tag = "10")]
    schemes: Vec<String>,
    #[prost(message, repeated, tag = "13")]
    vendor_extension: Vec<NamedAny>,
}

#[derive(Message)]
struct ParametersItem {
    #[prost(message, optional, tag = "1")]
    parameter: Option<Parameter>,
}

/// One of the two is set.
#[derive(Message)]
struct Parameter {
    #[prost(message, optional, tag = "1")]
    body_parameter: Option<BodyParameter>,
    #[prost(message, optional, tag = "2")]
    non_body_parameter: Option<NonBodyParameter>,
}

#[derive(Message)]
struct BodyParameter {
    #[prost(string, tag = "2")]
    name: String,
    #[prost(string, tag = "3")]
    place: String,
    #[prost(bool, tag = "4")]
    required: bool,
    #[prost(message, optional, tag = "5")]
    schema: Option<Schema>,
}

/// One of the two is set.
#[derive(Message)]
struct NonBodyParameter {
    #[prost(message, optional, tag = "3")]
    query: Option<QueryParameter>,
    #[prost(message, optional, tag = "4")]
    path: Option<PathParameter>,
}

#[derive(Message)]
struct QueryParameter {
    #[prost(string, tag = "2")]
    place: String,
    #[prost(string, tag = "4")]
    name: String,
    #[prost(string, tag = "6")]
    value_type: String,
}

#[derive(Message)]
struct PathParameter {
    #[prost(bool, tag = "1")]
    required: bool,
    #[prost(string, tag = "2")]
    place: String,
    #[prost(string, tag = "4")]
    name: String,
    #[prost(string, tag = "5")]
    value_type: String,
}

#[derive(Message)]
struct Responses {
    #[prost(message, repeated, tag = "1")]
    response_code: Vec<NamedResponseValue>,
}

#[derive(Message)]
struct NamedResponseValue {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, optional, tag = "2")]
    value: Option<ResponseValue>,
}

#[derive(Message)]
struct ResponseValue {
    #[prost(message, optional, tag = "1")]
    response: Option<Response>,
}

#[derive(Message)]
struct Response {
    #[prost(string, tag = "1")]
    description: String,
    #[prost(message, optional, tag = "2")]
    schema: Option<SchemaItem>,
}

#[derive(Message)]
struct SchemaItem {
    #[prost(message, optional, tag = "1")]
    schema: Option<Schema>,
}

#[derive(Message)]
struct Definitions {
    #[prost(message, repeated, tag = "1")]
    additional_properties: Vec<NamedSchema>,
}

#[derive(Message)]
struct NamedSchema {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, optional, tag = "2")]
    value: Option<Schema>,
}

#[derive(Message)]
struct Schema {
    #[prost(string, tag = "1")]
    reference: String,
    #[prost(string, tag = "2")]
    format: String,
    #[prost(string, tag = "4")]
    description: String,
    #[prost(message, optional, tag = "5")]
    default: Option<Any>,
    #[prost(string, repeated, tag = "19")]
    required: Vec<String>,
    #[prost(message, optional, boxed, tag = "21")]
    additional_properties: Option<Box<AdditionalPropertiesItem>>,
    #[prost(message, optional, tag = "22")]
    value_type: Option<TypeItem>,
    #[prost(message, optional, tag = "23")]
    items: Option<ItemsItem>,
    #[prost(message, optional, tag = "25")]
    properties: Option<Definitions>,
    #[prost(message, repeated, tag = "31")]
    vendor_extension: Vec<NamedAny>,
}

#[derive(Message)]
struct AdditionalPropertiesItem {
    #[prost(message, optional, boxed, tag = "1")]
    schema: Option<Box<Schema>>,
}

#[derive(Message)]
struct TypeItem {
    #[prost(string, repeated, tag = "1")]
    value: Vec<String>,
}

#[derive(Message)]
struct ItemsItem {
    #[prost(message, repeated, tag = "1")]
    schema: Vec<Schema>,
}

#[derive(Message)]
struct NamedAny {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, optional, tag = "2")]
    value: Option<Any>,
}

#[derive(Message)]
struct Any {
    #[prost(string, tag = "2")]
    yaml: String,
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
