//! The rules of Kubernetes objects, without I/O.
//!
//! In: objects as JSON values, as users and components wrote them. Out: the same objects with defaults, errors that name
//! the field, patched objects, tables, and what each kind is called.
//!
//! ```text
//!   Registry ──► Descriptor (names, scope, subresources, columns) ──► Schema   (types, merge keys, documentation)
//!                     └──► Strategy (a kind's own rules: defaults, validation, cells)   one file a kind in `kinds/`
//!   decode ──► Schema::conform ──► Strategy ──► stored      patch: JSON, merge, strategic     table: for kubectl get
//!   custom: what a CustomResourceDefinition makes of objects: one more Descriptor, with a schema of its own
//!   cron, indexes: the small languages of CronJobs and Jobs      policies: rules of users in CEL
//!   managed: who owns which field, server-side apply
//!   continue_token: where the next page of a list begins
//!   leases: whether they have run out      pod_resources: what Pods ask for, take and may use
//!   names, metadata, selector, quantity: the rules they share      errors: field::Error ──► Status
//! ```

mod amounts;
mod continue_token;
mod cron;
pub mod custom;
mod decode;
mod descriptor;
mod duration;
pub mod field;
mod go;
mod hash;
mod host_ports;
mod indexes;
pub mod ingresses;
mod kinds;
pub mod leases;
pub mod managed;
pub mod metadata;
pub mod names;
mod node_selector;
mod patch;
pub mod pod_resources;
pub mod policies;
mod protobuf;
mod quantity;
pub mod quota;
mod schema;
mod selector;
mod stack;
mod status;
mod strategy;
mod table;
#[cfg(test)]
mod testing;
pub mod trace;
mod user;
pub mod volumes;

pub use continue_token::ContinueToken;
pub use cron::{CronError, CronSchedule, time_zone};
pub use custom::CustomResource;
pub use decode::{Decoded, Sent, decode_json};
pub use descriptor::{
    Column, Descriptor, GroupKind, GroupResource, Registry, ScalePaths, Scope, Subresources, Verb,
};
pub use duration::{age, human_duration};
pub use go::go_type;
pub use hash::pod_template_hash;
pub use host_ports::{host_ports, host_ports_clash};
pub use indexes::IndexSet;
pub use kinds::{SYSTEM_PRIORITY_CLASSES, builtin, scale};
pub use node_selector::{node_selector_matches, node_selector_term_matches, volume_is_reachable};
pub use patch::{PatchType, apply_patch};
pub use protobuf::{decode_protobuf, encode_protobuf, encode_protobuf_event, has_protobuf};
pub use quantity::{Quantity, QuantityError};
pub use schema::{
    Checked, FieldValidation, ListType, MergeRule, Node, NodeType, Schema, definitions,
};
pub use selector::{
    FieldRequirement, FieldSelector, Labels, Operator, Requirement, Selector, SelectorError,
};
pub use status::{Cause, Reason, Status, StatusDetails};
pub use strategy::{Plain, StoredVersion, Strategy};
pub use table::{IncludeObject, partial_metadata, table};
pub use user::UserInfo;
