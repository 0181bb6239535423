//! Brings the cluster to its wanted state, a folder a kind.
//!
//! In: caches of what is. Out: writes to the API server that make it what is wanted, and events that tell users why.
//!
//! ```text
//!   Informers ──change──► handler ──key──► WorkQueue ──► reconcile: read cache ─► plan (pure) ─► apply
//!   deployment ─► replicaset ─► Pods      statefulset ─► Pods, claims     endpoints, endpointslice ─► addresses
//!   cronjob ─► job ─► Pods (ttl_after_finished ends Jobs)                 daemonset ─► Pods, one a node
//!   namespace, garbage_collector: over every resource of discovery        node_lifecycle, node_ipam, pod_gc: nodes
//! ```

mod certificates;
mod config;
mod context;
mod cronjob;
mod daemonset;
mod deployment;
mod disruption;
mod endpoints;
mod endpointslice;
mod endpointslice_mirroring;
mod ephemeral_volume;
mod garbage_collector;
mod horizontalpodautoscaler;
mod job;
mod namespace;
mod node_ipam;
mod node_lifecycle;
mod ownership;
mod persistent_volume;
mod pod_gc;
mod pods;
mod replicaset;
mod resourcequota;
mod resources;
mod revisions;
mod role_aggregation;
mod run;
mod selection;
mod service_lb;
mod service_pods;
mod serviceaccount;
mod statefulset;
mod token_cleaner;
mod token_secrets;
mod ttl_after_finished;
mod volume_protection;
mod writes;

pub use config::{CertificateSigner, Config, WantedCertificate};
pub use run::run;
