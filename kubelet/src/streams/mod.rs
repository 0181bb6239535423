//! Streams between a client and a container, over a connection that was an HTTP request.
//!
//! ```text
//!   kubectl ── WebSocket ──► accept ──► serve_exec ◄──► ExecSession ◄──► container
//!              (v4, v5: one byte of channel, then the bytes)
//! ```
//!
//! In: an upgraded request and a command to start. Out: its streams, and its end as a `Status`.
//! Attach, port-forward and SPDY/3.1 will be siblings of `exec` and `websocket`.

mod channel;
mod exec;
mod outcome;
mod websocket;

pub(crate) use self::exec::serve_exec;
pub(crate) use self::websocket::{HandshakeError, accept};
