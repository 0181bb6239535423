use super::cri::{AttachRequest, ExecRequest, PortForwardRequest};

/// A stream that the runtime itself can serve (CRI's streaming API).
#[derive(Debug, Clone, PartialEq)]
pub enum StreamRequest {
    /// A command in a container.
    Exec(ExecRequest),
    /// The streams of a container's first process.
    Attach(AttachRequest),
    /// Connections to ports of a sandbox. With SPDY each of them names its port; with WebSocket the request names them all.
    PortForward(PortForwardRequest),
}
