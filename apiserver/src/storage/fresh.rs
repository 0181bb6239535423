//! How new what a request reads must be, by the resourceVersion that it gives
//! (<https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions>).

use std::error::Error;

use skiff_api::{Reason, Status};
use skiff_store::{ReadError, Revision, Snapshot};

use super::Storage;

impl Storage {
    /// The table as a request asks for it: without a version it has every write that was answered before, by any API server;
    /// with one it is as new as that.
    pub(crate) async fn as_new_as(&self, version: Option<u64>) -> Result<Snapshot, Status> {
        let store = &self.objects.store;
        if let Some(wanted) = version {
            let snapshot = store.snapshot();
            if snapshot.revision().0 >= wanted {
                return Ok(snapshot);
            }
        }
        let snapshot = store.current().await.map_err(|error| unreadable(&error))?;
        match version {
            Some(wanted) if wanted > snapshot.revision().0 => {
                Err(too_large(wanted, snapshot.revision()))
            }
            _ => Ok(snapshot),
        }
    }
}

/// 504, in etcd's words.
fn unreadable(error: &ReadError) -> Status {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        message = format!("{message}: {error}");
        cause = error.source();
    }
    match error {
        ReadError::Engine { .. } => Status::new(Reason::Timeout, message),
        ReadError::Closed => Status::new(Reason::ServiceUnavailable, message),
    }
}

/// 504: the client has seen more than there is.
fn too_large(wanted: u64, current: Revision) -> Status {
    let message = format!("Too large resource version: {wanted}, current: {current}");
    let mut status = Status::new(Reason::Timeout, message);
    status.details.retry_after_seconds = Some(1);
    status
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use skiff_store::EngineError;

    use super::*;

    #[test]
    fn etcd_is_heard_when_it_cannot_be_read() {
        let source = Box::<dyn Error + Send + Sync>::from("etcdserver: no leader");
        let doing = "tell the newest revision";
        let cases = [
            (
                EngineError::EtcdSilent { doing },
                "etcd did not tell the newest revision in time",
            ),
            (
                EngineError::Etcd { doing, source },
                "etcd failed to tell the newest revision: etcdserver: no leader",
            ),
        ];
        for (source, words) in cases {
            let source = Arc::new(source);
            let status = unreadable(&ReadError::Engine { source });
            let expected = format!("the cluster's data cannot be read now: {words}");
            assert_eq!((status.code(), status.message), (504, expected));
        }
        assert_eq!(unreadable(&ReadError::Closed).code(), 503);
    }
}
