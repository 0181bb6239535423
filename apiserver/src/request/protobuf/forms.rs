//! The fields of all types, read from `fields.tsv` when the first body in protobuf comes.

use std::collections::HashMap;
use std::sync::LazyLock;

const FACTS: &str = include_str!("fields.tsv");

/// The fields of types, by the types' full names.
static TYPES: LazyLock<HashMap<String, Vec<Field>>> = LazyLock::new(|| read(FACTS));

/// A field of a type.
#[derive(Debug, PartialEq)]
pub(super) struct Field {
    pub(super) number: u32,
    /// Its name in JSON; empty if it is a message whose fields belong to the type itself.
    pub(super) name: &'static str,
    pub(super) form: Form,
    /// Whether a zero means that it is absent.
    pub(super) drops_zero: bool,
    pub(super) repeated: bool,
}

/// How a value looks.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Form {
    Bool,
    Int32,
    Int64,
    Double,
    String,
    Bytes,
    Quantity,
    IntOrString,
    Time,
    MicroTime,
    /// JSON inside of a message.
    Json,
    /// A list of strings that is a message of its own.
    Strings,
    /// A map from strings.
    Map(Box<Form>),
    /// A type, by its full name.
    Message(String),
}

/// The fields of a type.
pub(super) fn fields(type_name: &str) -> Option<&'static [Field]> {
    TYPES.get(type_name).map(Vec::as_slice)
}

fn read(facts: &'static str) -> HashMap<String, Vec<Field>> {
    let mut types: HashMap<String, Vec<Field>> = HashMap::new();
    let mut package = "";
    for line in facts.lines().filter(|line| !line.starts_with('#')) {
        let words: Vec<&'static str> = line.split('\t').collect();
        match words[..] {
            [name] => package = name,
            [type_name, number, name, form] => {
                let fields = types.entry(format!("{package}.{type_name}")).or_default();
                fields.extend(
                    number
                        .parse()
                        .ok()
                        .map(|number| field(number, name, form, package)),
                );
            }
            _ => {}
        }
    }
    types
}

fn field(number: u32, name: &'static str, form: &str, package: &str) -> Field {
    let item = form.strip_prefix("[]");
    let plain = item.unwrap_or(form);
    Field {
        number,
        name: name.trim_start_matches('.'),
        form: form_of(plain.trim_start_matches(['*', '!']), package),
        drops_zero: !plain.starts_with(['*', '!']),
        repeated: item.is_some(),
    }
}

fn form_of(form: &str, package: &str) -> Form {
    if let Some(value) = form.strip_prefix("map[string]") {
        return Form::Map(Box::new(form_of(value, package)));
    }
    match form {
        "bool" => Form::Bool,
        "int32" => Form::Int32,
        "int64" => Form::Int64,
        "float64" => Form::Double,
        "string" => Form::String,
        "bytes" => Form::Bytes,
        "Quantity" => Form::Quantity,
        "IntOrString" => Form::IntOrString,
        "Time" => Form::Time,
        "MicroTime" => Form::MicroTime,
        "Json" => Form::Json,
        "Strings" => Form::Strings,
        full if full.contains('.') => Form::Message(full.to_owned()),
        short => Form::Message(format!("{package}.{short}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_that_a_field_has_is_known() {
        fn message(form: &Form) -> Option<&str> {
            match form {
                Form::Map(value) => message(value),
                Form::Message(name) => Some(name),
                _ => None,
            }
        }
        let wanted = TYPES
            .values()
            .flatten()
            .filter_map(|field| message(&field.form));
        let unknown: Vec<&str> = wanted.filter(|name| !TYPES.contains_key(*name)).collect();
        assert_eq!(unknown, Vec::<&str>::new());
    }

    #[test]
    fn every_kind_that_is_served_can_be_sent() {
        for descriptor in skiff_api::builtin().iter() {
            let fields = fields(&descriptor.type_name).unwrap_or_default();
            let metadata = fields.iter().find(|field| field.number == 1);
            assert_eq!(
                metadata.map(|field| field.name),
                Some("metadata"),
                "{}",
                descriptor.kind
            );
        }
    }
}
