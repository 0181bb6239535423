//! Runs the Pods of one node on containerd.
//!
//! In: Pods bound to this node, ConfigMaps, Secrets and Services from the API server's list-watch; events of the runtime.
//! Out: containers that run, the status of Pods and of the Node, events; logs and streams on port 10250.
//!
//! ```text
//!   API server ──list-watch──► pods ──► plan ──► Runtime (containerd by CRI) ──► containers
//!        ▲                      │  └──► volumes, probes                              │
//!        ├── status, events ◄───┴──────────────◄── runtime events ◄──────────────────┘
//!        └── node: registered, heartbeat      server: logs, exec on port 10250
//! ```

mod config;
mod disk_usage;
mod eviction;
mod host;
mod images;
mod kubelet;
mod logs;
mod machine;
mod node;
mod objects;
mod pods;
mod pressure;
mod probes;
mod provisioner;
mod quantity;
mod runtime;
mod server;
mod simulated;
mod stats;
mod streams;
mod thresholds;
mod tokens;
mod volumes;

pub use config::{Config, NetworkBackend};
pub use disk_usage::DiskUsage;
pub use kubelet::run;
pub use node::remove_network;
pub use pods::{release_host, remove_all_pods, stop_all_pods, unmount_below};
pub use runtime::*;
pub use simulated::{LABEL as SIMULATED_LABEL, Simulation, simulate};
pub use streams::carry_tunnel;
pub use thresholds::{EvictionThresholds, GracePeriods, SoftEviction, ThresholdError};
