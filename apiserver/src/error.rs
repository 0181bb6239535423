//! Why an API server does not start or serve.

use std::io;

use skiff_api::Status;

/// Why an API server does not start or serve.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A certificate or a key is unusable.
    #[error("unusable {what}")]
    Certificate {
        /// Which one.
        what: &'static str,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// An object that every cluster has could not be made.
    #[error("cannot make {what}")]
    Bootstrap {
        /// Which one.
        what: String,
        /// Why.
        #[source]
        source: Status,
    },
    /// The listener failed.
    #[error("cannot accept connections")]
    Accept {
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl Error {
    pub(crate) fn certificate(
        what: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Certificate {
            what,
            source: source.into(),
        }
    }
}
