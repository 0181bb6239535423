//! Which writes policies and webhooks are meant for: what a write is to them, the rules and selectors by which they choose,
//! and the version in which they see it.

mod attributes;
mod request;
mod resource;
mod rule;
mod rules;
mod view;

pub(crate) use attributes::{Attributes, Operation, Warnings};
pub(crate) use request::{Request, namespace, selector};
pub(crate) use resource::Resource;
pub(crate) use rule::Rule;
pub(crate) use rules::{Rules, Seen};
pub(crate) use view::View;

/// Where the configurations of webhooks and policies are in the store.
pub(crate) const PREFIX: &str = "/registry/admissionregistration.k8s.io/";
