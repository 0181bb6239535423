//! What shares the API server among its clients: FlowSchemas say which request is of which PriorityLevelConfiguration.

mod flow_schema;
mod priority_level;

use super::common::describe;
use crate::Descriptor;

/// The name of the level, and of the schema, of requests that are never held up.
const EXEMPT: &str = "exempt";

pub(super) fn flow_schema() -> Descriptor {
    Descriptor {
        subresources: describe::status(),
        ..describe::cluster(
            describe::FLOW_CONTROL,
            "FlowSchema",
            "flowschemas",
            flow_schema::FlowSchema,
        )
    }
}

pub(super) fn priority_level() -> Descriptor {
    Descriptor {
        subresources: describe::status(),
        ..describe::cluster(
            describe::FLOW_CONTROL,
            "PriorityLevelConfiguration",
            "prioritylevelconfigurations",
            priority_level::PriorityLevel,
        )
    }
}
