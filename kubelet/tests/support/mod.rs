//! A node for a test: a network namespace, and skiff's containerd in it.

mod node;
mod pods;
mod registry;
mod sandbox;

pub use node::Node;
pub use pods::{Pod, container_config, next_event, until};
pub use registry::Registry;
pub use sandbox::in_namespaces;
