//! Ingresses served: hosts and paths to the endpoints of Services.
//!
//! In: Ingresses of our classes, the Services, EndpointSlices and Secrets that they name; HTTP requests on the node's ports.
//! Out: the endpoints' answers, and the node's address in the status of each Ingress.
//!
//! ```text
//!   Ingresses, Services, EndpointSlices, Secrets ─► plan (pure) ─► Table
//!                                                                   │ host, path
//!   client ─► listen (TLS by SNI) ─► forward ───────────────────────┴─► pool ─► endpoint
//! ```
//!
//! A request is answered by the table of the moment it came in: a new table takes nothing from those under way.

mod backend;
mod body;
mod certificates;
mod class;
mod forward;
mod headers;
mod host;
mod listen;
mod pages;
mod path;
mod plan;
mod pool;
mod run;
mod status;
mod table;
#[cfg(test)]
mod tests;
mod tunnel;
mod watched;

pub use run::{Config, run};
