//! Streams between a client and a container, over a connection that was an HTTP request.
//!
//! ```text
//!   kubectl ── WebSocket ──► accept ──► serve_exec ◄──► ExecSession ◄──► container
//!           │  (v4, v5: one byte of channel, then the bytes)      └─ attach ◄──┐
//!           ├─ WebSocket (SPDY inside) ──► serve_tunnel ◄────── SPDY/3.1 ──────┤ containerd's own server
//!           └─ SPDY/3.1 ─────────────────► relay ◄───────────── bytes ─────────┘
//! ```
//!
//! In: an upgraded request and what it is for. Out: its streams, and for commands their end as a `Status`.

mod attach;
mod channel;
mod exec;
mod outcome;
mod relay;
mod tunnel;
mod websocket;

pub(crate) use self::attach::attach;
pub(crate) use self::exec::serve_exec;
pub(crate) use self::relay::{is_spdy, relay};
pub use self::tunnel::carry_tunnel;
pub(crate) use self::tunnel::serve_tunnel;
pub(crate) use self::websocket::{HandshakeError, StreamError, accept, accept_tunnel};
