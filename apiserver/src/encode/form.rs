//! Objects as tables, as metadata alone, as YAML or protobuf: the forms for which they must be parsed.

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};
use skiff_api::{Descriptor, Status, encode_protobuf, partial_metadata, table};

use super::{Accept, Encoding, Form, partial};
use crate::codec::object_of;
use crate::storage::Listing;

/// One object in the form.
pub(crate) fn object(
    accept: &Accept,
    descriptor: &Descriptor,
    object: Bytes,
) -> Result<Bytes, Status> {
    if accept.is_as_stored() {
        return Ok(object);
    }
    if let Form::Metadata(version) = accept.form
        && accept.encoding == Encoding::Json
    {
        return partial::object(&object, version);
    }
    let object = object_of(&object)?;
    let shown = match accept.form {
        Form::Object => object,
        Form::Metadata(version) => partial_metadata(&object, version),
        Form::Table(version) => {
            let version_of_object = &object["metadata"]["resourceVersion"];
            let metadata = json!({"resourceVersion": version_of_object});
            rows(accept, descriptor, &[object], metadata, version)
        }
    };
    encode(&shown, accept)
}

/// Many objects in the form.
pub(crate) fn list(
    accept: &Accept,
    descriptor: &Descriptor,
    listing: &Listing,
) -> Result<Bytes, Status> {
    if let Form::Metadata(version) = accept.form
        && accept.encoding == Encoding::Json
    {
        return partial::list(listing, metadata(listing), version);
    }
    let parsed = listing.entries.iter().map(|entry| object_of(&entry.value));
    let objects: Vec<Value> = parsed.collect::<Result<_, _>>()?;
    let metadata = metadata(listing);
    let shown = match accept.form {
        Form::Object => json!({
            "kind": descriptor.list_kind(),
            "apiVersion": descriptor.api_version(),
            "metadata": metadata,
            "items": objects,
        }),
        Form::Metadata(version) => {
            let partial = |object| partial_metadata(object, version);
            json!({
                "kind": "PartialObjectMetadataList",
                "apiVersion": version,
                "metadata": metadata,
                "items": objects.iter().map(partial).collect::<Vec<_>>(),
            })
        }
        Form::Table(version) => rows(accept, descriptor, &objects, metadata, version),
    };
    encode(&shown, accept)
}

/// The metadata of a list (meta/v1 ListMeta).
pub(super) fn metadata(listing: &Listing) -> Value {
    let mut metadata = json!({"resourceVersion": listing.revision.to_string()});
    if let Some(token) = &listing.next {
        metadata["continue"] = token.as_str().into();
    }
    if let Some(remaining) = listing.remaining {
        metadata["remainingItemCount"] = remaining.into();
    }
    metadata
}

fn rows(
    accept: &Accept,
    descriptor: &Descriptor,
    objects: &[Value],
    metadata: Value,
    version: &str,
) -> Value {
    let now = Timestamp::now();
    table(descriptor, objects, metadata, accept.include, version, now)
}

/// Writes down what is shown.
pub(super) fn encode(shown: &Value, accept: &Accept) -> Result<Bytes, Status> {
    match accept.encoding {
        Encoding::Json => Ok(shown.to_string().into()),
        Encoding::Yaml => {
            let text = serde_norway::to_string(shown)
                .map_err(|error| Status::internal(format!("cannot write YAML: {error}")))?;
            Ok(text.into())
        }
        Encoding::Protobuf => {
            let bytes = encode_protobuf(shown);
            let bytes = bytes.ok_or_else(|| Status::internal("the kind has no protobuf form"))?;
            Ok(bytes.into())
        }
    }
}
