//! Services in the kernel.
//!
//! In: Services and EndpointSlices from list-watch. Out: virtual servers of IPVS, or rules, on this node.
//!
//! ```text
//!   Services ─────────┐                        ┌─► nftables: rules ─► script of the difference ─► nft
//!   EndpointSlices ───┴─► Model (pure, one) ───┼─► IPVS: virtual servers ─► plan of the difference ─► netlink
//!                            ▲                 ├─► iptables: chains ─► what differs ─► iptables-restore
//!   ConfigMap kube-proxy ─► mode ──────────────┴─► userspace: listeners of this process
//! ```
//!
//! The model is the same for every dataplane; a dataplane applies only what changed. NetworkPolicies are a table of their
//! own beside all of them (`policy`).

mod cleanup;
mod config;
mod dataplane;
mod health_check;
mod host;
mod iptables;
mod ipvs;
mod mode;
mod model;
mod netfilter;
mod nftables;
mod policy;
mod run;
mod service_ranges;
mod trace;
mod userspace;
mod watched;

pub use cleanup::cleanup;
pub use config::{Config, Mode};
pub use run::run;
