//! From a Pod's spec to the runtime's configuration: sandbox, containers, and the files that the kubelet manages for them.

pub(crate) mod container;
pub(crate) mod dns;
pub(crate) mod env;
mod expand;
pub(crate) mod fields;
pub(crate) mod hosts;
pub(crate) mod resources;
pub(crate) mod sandbox;
mod security;
mod service_env;
