//! Dynamic resource allocation (KEP-4381): classes of devices, claims of them, the templates of claims, and the slices
//! in which drivers say which devices there are.
//!
//! ```text
//!   class ──► selectors ◄── request ◄── claim (and template)          slice
//! ```

mod claim;
mod class;
mod request;
mod selectors;
mod slice;

use super::common::describe;
use crate::Descriptor;

pub(super) fn class() -> Descriptor {
    describe::cluster(
        describe::RESOURCE,
        "DeviceClass",
        "deviceclasses",
        class::DeviceClass,
    )
}

pub(super) fn claim() -> Descriptor {
    Descriptor {
        subresources: describe::status(),
        ..describe::namespaced(
            describe::RESOURCE,
            "ResourceClaim",
            "resourceclaims",
            claim::ResourceClaim,
        )
    }
}

pub(super) fn claim_template() -> Descriptor {
    describe::namespaced(
        describe::RESOURCE,
        "ResourceClaimTemplate",
        "resourceclaimtemplates",
        claim::ResourceClaimTemplate,
    )
}

pub(super) fn slice() -> Descriptor {
    describe::cluster(
        describe::RESOURCE,
        "ResourceSlice",
        "resourceslices",
        slice::ResourceSlice,
    )
}
