//! Cluster DNS: the cluster's zone answered from list-watch, all else forwarded.
//!
//! In: queries over UDP and TCP; Services and EndpointSlices. Out: answers as the Kubernetes DNS specification has them
//! (<https://github.com/kubernetes/dns/blob/master/docs/specification.md>), and the `kube-dns` Service that leads here.
//!
//! ```text
//!   query ─► question (pure: what the name asks for) ─┬─ in the zone ─► cluster ─► records (pure) ─► answer
//!                                                     └─ elsewhere ──► forward ─► upstream
//! ```
//!
//! Nothing is kept but the informers' caches: an answer is true at the moment it is given.

mod cluster;
mod config;
mod forward;
mod handler;
mod publish;
mod question;
mod records;
mod resolv_conf;
mod run;

pub use config::Config;
pub use run::run;
