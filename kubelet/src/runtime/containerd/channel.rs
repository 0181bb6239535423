use std::path::PathBuf;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tonic::Request;
use tonic::metadata::MetadataValue;
use tonic::transport::{Channel, Endpoint, Uri};
use tower::service_fn;

/// The containerd namespace of all that CRI makes; CRI knows no other one.
pub(super) const NAMESPACE: &str = "k8s.io";

/// Messages of containerd's own API and of CRI may be as large as this, as the real kubelet allows.
pub(super) const MESSAGE_LIMIT_BYTES: usize = 16 << 20;

/// A channel to the unix socket, made when first used and again whenever it broke.
pub(super) fn connect(socket: PathBuf) -> Channel {
    // The address is never looked at: every connection goes to the socket.
    let connector = service_fn(move |_: Uri| {
        let socket = socket.clone();
        async move { UnixStream::connect(socket).await.map(TokioIo::new) }
    });
    Endpoint::from_static("http://containerd").connect_with_connector_lazy(connector)
}

/// A request of the native API, which wants to be told the namespace.
pub(super) fn native<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    let namespace = MetadataValue::from_static(NAMESPACE);
    request
        .metadata_mut()
        .insert("containerd-namespace", namespace);
    request
}

/// No call needs longer, whatever a user asks for: gRPC and containerd cannot count further than some thousands of years.
pub(super) const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// A request of CRI with a limit on the time until it is answered.
pub(super) fn within<T>(limit: Duration, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(limit.min(LONGEST));
    request
}
