//! The test house: makes clusters out of the built `skiff` and types what a user types.
//!
//! ```text
//!   Debian packages ──► images ──► registry ─┐                    ┌─ kubectl, sh (Terminal)
//!                                            ▼                    ▼
//!   TestNet: router namespace ── veth ── Node: namespace + data dir + skiff ──► what a user sees
//!                             └─ tap ─── vm: Debian kernel under QEMU
//! ```
//! Everything a test makes is its own and goes away with it, also what an earlier killed test left.

mod artifacts;
mod asking;
pub mod bench;
mod cache;
mod cases;
mod clients;
mod cluster;
mod command;
mod dump;
mod etcd;
mod gate;
mod images;
mod kubectl;
mod load;
mod machines;
mod manifests;
mod namespace;
mod net;
mod node;
mod packages;
mod processes;
mod registry;
mod terminal;
pub mod vm;
mod wait;
pub mod walkthroughs;
mod wordings;

pub use artifacts::{example_binary, skiff_binary};
pub use cache::{cache_dir, once};
pub use cases::{
    Case, walk_through, walk_through_with_an_older_kubectl, walk_through_with_every_kubectl,
};
pub use clients::ClientLibrary;
pub use cluster::{
    Cluster, on_a_cluster, on_a_cluster_with, on_a_machine, on_a_machine_with, on_clusters,
    on_machines,
};
pub use etcd::Etcd;
pub use gate::{Gate, Mood};
pub use images::{BUSYBOX, Image, NGINX, Recipe, all_images};
pub use load::Load;
pub use manifests::{SLEEP, WEB_THAT_MOVES};
pub use namespace::Namespace;
pub use net::TestNet;
pub use node::{Node, NodeOptions};
pub use registry::{Registry, registry_storage};
pub use terminal::{Output, Terminal};
pub use wait::{eventually, soon};
