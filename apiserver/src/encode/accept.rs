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

/// The form and the encoding of an answer.
#[derive(Clone, Debug)]
pub(crate) struct Accept {
    pub(crate) form: Form,
    pub(crate) yaml: bool,
    /// How much of its object a row carries.
    pub(crate) include: IncludeObject,
}

const META_V1: &str = "meta.k8s.io/v1";
const META_V1BETA1: &str = "meta.k8s.io/v1beta1";

impl Accept {
    /// The first form of the client's that can be served, JSON if it names none; 406 if there is no such form.
    pub(crate) fn read(headers: &HeaderMap, query: &Query) -> Result<Self, Status> {
        let policy = query.get("includeObject").unwrap_or_default();
        let include = IncludeObject::parse(policy).ok_or_else(|| {
            Status::bad_request(format!(
                "unrecognized includeObject value: {policy:?}: supported values: \"None\", \"Metadata\", \"Object\""
            ))
        })?;
        let mut named = false;
        for range in ranges(headers) {
            named = true;
            if let Some((form, yaml)) = served(range) {
                return Ok(Self {
                    form,
                    yaml,
                    include,
                });
            }
        }
        if named {
            let accepted = "application/json, application/yaml";
            let message = format!("only the following media types are accepted: {accepted}");
            return Err(Status::new(Reason::NotAcceptable, message));
        }
        Ok(Self {
            form: Form::Object,
            yaml: false,
            include,
        })
    }

    /// The content type of the answer.
    pub(crate) fn content_type(&self) -> &'static str {
        if self.yaml {
            "application/yaml"
        } else {
            "application/json"
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

fn served(range: &str) -> Option<(Form, bool)> {
    let yaml = match range.split(';').next().unwrap_or_default().trim() {
        "*/*" | "application/*" | "application/json" => false,
        "application/yaml" => true,
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
    Some((form, yaml))
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

    fn read(accept: &'static str) -> Option<(Form, bool)> {
        let mut headers = HeaderMap::new();
        if !accept.is_empty() {
            headers.insert(header::ACCEPT, accept.parse().unwrap());
        }
        let accept = Accept::read(&headers, &Query::default()).ok()?;
        Some((accept.form, accept.yaml))
    }

    #[test]
    fn the_first_form_that_can_be_served_is_served() {
        let cases = [
            ("", Some((Form::Object, false))),
            ("*/*", Some((Form::Object, false))),
            ("application/yaml", Some((Form::Object, true))),
            (
                "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json",
                Some((Form::Table(META_V1), false)),
            ),
            (
                "application/json;as=Table;v=v9;g=meta.k8s.io, application/json",
                Some((Form::Object, false)),
            ),
            (
                "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
                Some((Form::Metadata(META_V1), false)),
            ),
            (
                "application/vnd.kubernetes.protobuf,application/json",
                Some((Form::Object, false)),
            ),
            ("application/vnd.kubernetes.protobuf", None),
            ("text/html", None),
        ];
        for (accept, expected) in cases {
            assert_eq!(read(accept), expected, "{accept}");
        }
    }
}
