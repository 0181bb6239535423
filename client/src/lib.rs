//! The one list-watch runtime of skiff's components.
//!
//! In: a [`kube::Client`], straight into the API server's service in the same process or over TLS
//! to another machine; components cannot tell. Out: caches, keys to reconcile, events.
//!
//! ```text
//!   API server ──list-watch──► Informer ──change──► handler ──key──► WorkQueue ──► reconcile(key)
//!                                 │ cache, indexes                                   │ reads the cache,
//!                                 └──────────────────────────────────────────────────┘ writes to the API
//! ```
//!
//! A process has one [`Informers`]: each kind is listed and watched once, its objects are shared behind `Arc`.

mod api_servers;
mod connect;
mod election;
mod ensure;
mod events;
mod failover;
mod informer;
mod informers;
mod key;
mod metrics;
mod queue;
mod reconcile;
mod text;

pub use api_servers::api_servers;
pub use connect::{Clients, ConnectError, from_kubeconfig, in_process, servers_of};
pub use election::Election;
pub use ensure::{ensure, insist, make};
pub use events::{EventType, Recorder, RecorderWorker, recorder};
pub use failover::{Failover, Server};
pub use informer::{Change, Index, Informer, Watched};
pub use informers::{Informers, Single};
pub use key::ObjectKey;
pub use metrics::metrics;
pub use queue::WorkQueue;
pub use reconcile::{
    Next, is_already_exists, is_conflict, is_not_found, is_unavailable, reconcile_queue,
};
