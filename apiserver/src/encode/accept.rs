//! What form of an answer the client takes.

use http::{HeaderMap, header};
use skiff_api::{IncludeObject, Reason, Status};

use crate::request::Query;

/// What an object is shown as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Itself.
    Object,
    /// The rows that `kubectl get` prints; the version of meta.k8s.io.
    Table(&'static str),
    /// Its metadata; the version of meta.k8s.io.
    Metadata(&'static str),
}

/// How it is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Json,
    Yaml,
    Protobuf,
}

/// The form and the encoding of an answer.
#[derive(Clone, Debug)]
pub(crate) struct Accept {
    pub(crate) form: Form,
    pub(crate) encoding: Encoding,
    /// How much of its object a row carries.
    pub(crate) include: IncludeObject,
}

const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";
const META_V1: &str = "meta.k8s.io/v1";
const META_V1BETA1: &str = "meta.k8s.io/v1beta1";

impl Accept {
    /// The first form of the client's that can be served, JSON if it names none; 406 if there is no such form.
    /// `has_protobuf` says whether the objects of the kind can be written so.
    pub(crate) fn read(
        headers: &HeaderMap,
        query: &Query,
        has_protobuf: bool,
    ) -> Result<Self, Status> {
        let policy = query.get("includeObject").unwrap_or_default();
        let include = IncludeObject::parse(policy).ok_or_else(|| {
            Status::bad_request(format!(
                "unrecognized includeObject value: {policy:?}: supported values: \"None\", \"Metadata\", \"Object\""
            ))
        })?;
        let mut named = false;
        for range in ranges(headers) {
            named = true;
            if let Some((form, encoding)) = served(range, has_protobuf) {
                return Ok(Self {
                    form,
                    encoding,
                    include,
                });
            }
        }
        if named {
            return Err(not_acceptable(has_protobuf));
        }
        Ok(Self {
            form: Form::Object,
            encoding: Encoding::Json,
            include,
        })
    }

    /// The same for the events of a watch, which are never YAML.
    pub(crate) fn of_events(self) -> Self {
        let encoding = match self.encoding {
            Encoding::Yaml => Encoding::Json,
            other => other,
        };
        Self { encoding, ..self }
    }

    /// Whether an object is shown as it is stored.
    pub(crate) fn is_as_stored(&self) -> bool {
        self.form == Form::Object && self.encoding == Encoding::Json
    }

    /// The content type of the answer.
    pub(crate) fn content_type(&self) -> &'static str {
        match self.encoding {
            Encoding::Json => "application/json",
            Encoding::Yaml => "application/yaml",
            Encoding::Protobuf => PROTOBUF,
        }
    }
}

fn ranges(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|range| !range.is_empty())
}

/// The value of a parameter of a media range.
fn parameter<'a>(range: &'a str, name: &str) -> &'a str {
    range
        .split(';')
        .skip(1)
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map_or("", |(_, value)| value)
}

fn served(range: &str, has_protobuf: bool) -> Option<(Form, Encoding)> {
    let encoding = match range.split(';').next().unwrap_or_default().trim() {
        "*/*" | "application/*" | "application/json" => Encoding::Json,
        "application/yaml" => Encoding::Yaml,
        PROTOBUF => Encoding::Protobuf,
        _ => return None,
    };
    let version = match (parameter(range, "g"), parameter(range, "v")) {
        ("meta.k8s.io", "v1") => Some(META_V1),
        ("meta.k8s.io", "v1beta1") => Some(META_V1BETA1),
        _ => None,
    };
    let form = match parameter(range, "as") {
        "" => Form::Object,
        "Table" => Form::Table(version?),
        "PartialObjectMetadata" | "PartialObjectMetadataList" => Form::Metadata(version?),
        _ => return None,
    };
    // Metadata is the same for every kind, tables and the older version have no messages.
    let writable = match (encoding, form) {
        (Encoding::Protobuf, Form::Object) => has_protobuf,
        (Encoding::Protobuf, Form::Metadata(version)) => version == META_V1,
        (Encoding::Protobuf, Form::Table(_)) => false,
        _ => true,
    };
    writable.then_some((form, encoding))
}

/// 406 if the client takes nothing but tables: what has no objects has no rows.
pub(crate) fn refuse_tables(headers: &HeaderMap) -> Result<(), Status> {
    let mut ranges = ranges(headers).peekable();
    let is_table = |range| parameter(range, "as") == "Table";
    if ranges.peek().is_some() && ranges.all(is_table) {
        return Err(not_acceptable(true));
    }
    Ok(())
}

/// 406, naming what can be served.
fn not_acceptable(has_protobuf: bool) -> Status {
    let accepted = match has_protobuf {
        true => "application/json, application/yaml, application/vnd.kubernetes.protobuf",
        false => "application/json, application/yaml",
    };
    let message = format!("only the following media types are accepted: {accepted}");
    Status::new(Reason::NotAcceptable, message)
}

/// The version of aggregated discovery that the client would rather have than the classic form.
pub(crate) fn discovery_version(headers: &HeaderMap) -> Option<&'static str> {
    for range in ranges(headers) {
        let aggregated = parameter(range, "as") == "APIGroupDiscoveryList";
        match (aggregated, parameter(range, "v")) {
            (true, "v2") => return Some("v2"),
            (true, "v2beta1") => return Some("v2beta1"),
            (true, _) => {}
            (false, _) => return None,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(accept: &'static str, has_protobuf: bool) -> Option<(Form, Encoding)> {
        let mut headers = HeaderMap::new();
        if !accept.is_empty() {
            headers.insert(header::ACCEPT, accept.parse().unwrap());
        }
        let accept = Accept::read(&headers, &Query::default(), has_protobuf).ok()?;
        Some((accept.form, accept.encoding))
    }

    #[test]
    fn the_first_form_that_can_be_served_is_served() {
        let cases = [
            ("", Some((Form::Object, Encoding::Json))),
            ("*/*", Some((Form::Object, Encoding::Json))),
            ("application/yaml", Some((Form::Object, Encoding::Yaml))),
            (
                "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json",
                Some((Form::Table(META_V1), Encoding::Json)),
            ),
            (
                "application/json;as=Table;v=v9;g=meta.k8s.io, application/json",
                Some((Form::Object, Encoding::Json)),
            ),
            (
                "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
                Some((Form::Metadata(META_V1), Encoding::Json)),
            ),
            (
                "application/vnd.kubernetes.protobuf,application/json",
                Some((Form::Object, Encoding::Json)),
            ),
            (
                "application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;g=meta.k8s.io;v=v1",
                Some((Form::Metadata(META_V1), Encoding::Protobuf)),
            ),
            ("application/vnd.kubernetes.protobuf", None),
            ("text/html", None),
        ];
        for (accept, expected) in cases {
            assert_eq!(read(accept, false), expected, "{accept}");
        }
    }

    #[test]
    fn built_in_kinds_are_served_in_protobuf() {
        let cases = [
            (
                "application/vnd.kubernetes.protobuf,application/json",
                Some((Form::Object, Encoding::Protobuf)),
            ),
            (
                "application/vnd.kubernetes.protobuf;stream=watch",
                Some((Form::Object, Encoding::Protobuf)),
            ),
            (
                "application/vnd.kubernetes.protobuf;as=Table;g=meta.k8s.io;v=v1,application/json",
                Some((Form::Object, Encoding::Json)),
            ),
        ];
        for (accept, expected) in cases {
            assert_eq!(read(accept, true), expected, "{accept}");
        }
    }
}
