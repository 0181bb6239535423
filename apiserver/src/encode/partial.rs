//! Objects as metadata alone, in JSON: what stands in the store is passed over but for the metadata, and not taken apart.
//! The garbage collector watches every object so.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use skiff_api::Status;

use crate::storage::Listing;

/// meta/v1 PartialObjectMetadata.
#[derive(Serialize)]
struct PartialObjectMetadata<'a> {
    kind: &'static str,
    #[serde(rename = "apiVersion")]
    api_version: &'a str,
    metadata: &'a RawValue,
}

/// meta/v1 PartialObjectMetadataList.
#[derive(Serialize)]
struct PartialObjectMetadataList<'a> {
    kind: &'static str,
    #[serde(rename = "apiVersion")]
    api_version: &'a str,
    metadata: Value,
    items: Vec<PartialObjectMetadata<'a>>,
}

/// One object's metadata.
pub(super) fn object(object: &[u8], api_version: &str) -> Result<Bytes, Status> {
    write(&partial(object, api_version)?)
}

/// The metadata of many.
pub(super) fn list(listing: &Listing, metadata: Value, api_version: &str) -> Result<Bytes, Status> {
    let items = listing.entries.iter();
    write(&PartialObjectMetadataList {
        kind: "PartialObjectMetadataList",
        api_version,
        metadata,
        items: items
            .map(|entry| partial(&entry.value, api_version))
            .collect::<Result<_, _>>()?,
    })
}

fn partial<'a>(
    object: &'a [u8],
    api_version: &'a str,
) -> Result<PartialObjectMetadata<'a>, Status> {
    #[derive(Deserialize)]
    struct Stored<'a> {
        #[serde(borrow)]
        metadata: &'a RawValue,
    }
    let stored: Stored<'a> = serde_json::from_slice(object).map_err(|error| {
        tracing::error!(%error, "the metadata of a stored object cannot be read");
        Status::internal("a stored object cannot be read")
    })?;
    Ok(PartialObjectMetadata {
        kind: "PartialObjectMetadata",
        api_version,
        metadata: stored.metadata,
    })
}

fn write(shown: &impl Serialize) -> Result<Bytes, Status> {
    let bytes = serde_json::to_vec(shown).map_err(|error| Status::internal(error.to_string()))?;
    Ok(bytes.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_metadata_stays_as_it_was_stored() {
        let stored = br#"{"apiVersion":"v1","kind":"Pod","metadata":{"resourceVersion":"7","name":"a"},"spec":{"x":[1]}}"#;
        let shown = object(stored, "meta.k8s.io/v1").unwrap();
        assert_eq!(
            shown,
            r#"{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":{"resourceVersion":"7","name":"a"}}"#
        );
        assert_eq!(object(b"{}", "meta.k8s.io/v1").unwrap_err().code(), 500);
    }
}
