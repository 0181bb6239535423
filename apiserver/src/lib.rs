//! The Kubernetes API over a store.
//!
//! In: requests, over TLS or from components in the same process, and a [`skiff_store::Store`]. Out: objects, lists,
//! watches, discovery, schemas, and streams to kubelets. A request goes one way through the modules:
//!
//! ```text
//!             ┌────── pipeline: deadline (504), panics (500) ──────┐
//!  serve ──► request ──► authn ──► limits ──► authz ──► resources ──► writes ──► admission, policies, webhooks ──► Store
//!  (TLS)    (verb,      (401)     (429)      (403)    │          └──► storage (get, list, watch) ──► encode
//!            resource)                                ├──► discovery, health, version, metrics
//!                                                     └──► kubelet (logs, exec)
//! ```
//!
//! What outlives a request is in `api`, which names no step of one; what the server does by itself is in `upkeep`.

mod address;
mod admission;
mod aggregation;
mod api;
mod authn;
mod authz;
mod codec;
mod config;
mod conversion;
mod deadline;
mod definitions;
mod discovery;
mod encode;
mod error;
mod following;
mod health;
mod join;
mod kinds;
mod kubelet;
mod limits;
mod matching;
mod metrics;
mod node_signer;
mod openapi;
mod panics;
mod peers;
mod pipeline;
mod policies;
mod remote;
mod request;
mod resources;
mod routes;
mod serve;
mod server;
mod services;
mod storage;
mod tunnel;
mod upkeep;
mod version;
mod virtuals;
mod webhooks;
mod writes;

pub use config::Config;
pub use error::Error;
pub use join::PATH as JOIN_PATH;
pub use node_signer::{NodeCertificates, NodeRequest, NodeSigner};
pub use server::ApiServer;
