//! Where a request comes from: over a connection, or from this process.

use http::Extensions;
use tokio_util::sync::CancellationToken;

/// Ends the watches of a connection that is to be closed; an extension of its requests.
#[derive(Clone)]
pub(crate) struct Shutdown(pub(crate) CancellationToken);

/// Whether a request came over a connection, and not from this process.
pub(crate) fn is_remote(extensions: &Extensions) -> bool {
    extensions.get::<Shutdown>().is_some()
}

/// What requests have that come over a connection.
#[cfg(test)]
pub(crate) fn from_afar() -> Shutdown {
    Shutdown(CancellationToken::new())
}
