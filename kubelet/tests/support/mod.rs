//! A node for a test: a network namespace, and skiff's containerd in it.

mod node;
mod pods;
mod registry;
mod sandbox;

pub(crate) use node::Node;
pub(crate) use pods::{Pod, next_event, until};
pub(crate) use registry::Registry;
pub(crate) use sandbox::in_namespaces;
