//! How much of bodies may be in memory: of each, and of all together.

use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use parking_lot::Mutex;
use skiff_api::{Reason, Status};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::too_many;

/// The largest body, in bytes (as the API server of Kubernetes).
const MAX_BYTES: usize = 3 << 20;
/// All bodies together, in bytes, beyond what each has of its own: twenty of the largest. While an object is decoded it
/// takes a few times as much as its body.
const TOGETHER_BYTES: usize = 64 << 20;
/// What each body has of its own, in bytes: all of most bodies, so that a crowd of large ones is in nobody else's way.
/// The number of requests bounds these.
const OWN_BYTES: usize = 32 << 10;

/// The room for all bodies.
#[derive(Clone)]
pub(crate) struct Bodies(Arc<Semaphore>);

/// The room that the body of one request takes, for as long as it is held; an extension of the request.
#[derive(Clone)]
pub(crate) struct BodyRoom {
    bodies: Bodies,
    taken: Arc<Mutex<Option<OwnedSemaphorePermit>>>,
}

impl Default for Bodies {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(TOGETHER_BYTES)))
    }
}

impl Bodies {
    /// For a body that is still to come.
    pub(crate) fn room(&self) -> BodyRoom {
        BodyRoom {
            bodies: self.clone(),
            taken: Arc::default(),
        }
    }
}

impl BodyRoom {
    /// Makes room for as much as has come; 429 if there is none.
    fn grow(&self, bytes: usize) -> Result<(), Status> {
        let mut taken = self.taken.lock();
        let has = taken.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let wanted = bytes.saturating_sub(OWN_BYTES).saturating_sub(has);
        let wanted = u32::try_from(wanted).map_err(|_| too_many())?;
        if wanted == 0 {
            return Ok(());
        }
        let more = Arc::clone(&self.bodies.0).try_acquire_many_owned(wanted);
        let more = more.map_err(|_| too_many())?;
        match taken.as_mut() {
            Some(taken) => taken.merge(more),
            None => *taken = Some(more),
        }
        Ok(())
    }
}

/// Takes up a body as it comes; 413 if it is too large, 429 if there is no room for it. One that comes from this process
/// has no room of its own, and needs none: who sends it bounds himself.
pub(crate) async fn collect(mut body: Body, room: Option<&BodyRoom>) -> Result<Bytes, Status> {
    let mut read = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            let words = format!("unable to read the body: {error}");
            Status::bad_request(words)
        })?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        let bytes = read.len() + data.len();
        if bytes > MAX_BYTES {
            let words = format!("Request entity too large: limit is {MAX_BYTES}");
            return Err(Status::new(Reason::RequestEntityTooLarge, words));
        }
        room.map_or(Ok(()), |room| room.grow(bytes))?;
        read.extend_from_slice(&data);
    }
    Ok(read.into())
}

#[cfg(test)]
mod tests {
    use std::io;

    use futures::StreamExt as _;
    use futures::future::join_all;
    use futures::stream;
    use tokio_util::sync::CancellationToken;

    use super::*;

    #[tokio::test]
    async fn a_body_has_its_bound() {
        let body = |bytes: usize| Body::from(vec![b' '; bytes]);
        assert_eq!(collect(body(0), None).await.unwrap().len(), 0);
        let largest = collect(body(MAX_BYTES), None).await.unwrap();
        assert_eq!(largest.len(), MAX_BYTES);
        let refused = collect(body(MAX_BYTES + 1), None).await.unwrap_err();
        assert_eq!(refused.code(), 413);
    }

    #[tokio::test]
    async fn of_many_slow_uploads_some_are_told_to_come_again() {
        // Forty pieces, then a long pause.
        const PIECE: &[u8] = &[b' '; 64 << 10];
        let (bodies, go_on) = (Bodies::default(), CancellationToken::new());
        let uploads = (0..30).map(|_| {
            let pieces = stream::iter([PIECE; 40].map(Ok::<_, io::Error>));
            let end = stream::once(go_on.clone().cancelled_owned());
            let body = Body::from_stream(pieces.chain(end.map(|()| Ok(&b"."[..]))));
            let room = bodies.room();
            async move { collect(body, Some(&room)).await.map(|body| body.len()) }
        });
        let (ended, ()) = tokio::join!(join_all(uploads), async { go_on.cancel() });
        let (read, refused): (Vec<_>, Vec<_>) = ended.into_iter().partition(Result::is_ok);
        assert_eq!((read.len(), refused.len()), (25, 5));
        assert!(read.iter().all(|read| *read == Ok(40 * PIECE.len() + 1)));
        let codes = refused.iter().map(|it| it.as_ref().unwrap_err().code());
        assert_eq!(codes.collect::<Vec<_>>(), [429; 5]);
        assert_eq!(bodies.0.available_permits(), TOGETHER_BYTES);
    }

    #[test]
    fn large_bodies_share_a_room_and_small_ones_need_none() {
        let bodies = Bodies::default();
        let mut held = Vec::new();
        let refused = loop {
            let room = bodies.room();
            // It grows as it comes.
            let grown = [MAX_BYTES / 2, MAX_BYTES].map(|bytes| room.grow(bytes));
            if let [_, Err(refused)] | [Err(refused), _] = grown {
                break refused;
            }
            held.push(room);
        };
        assert_eq!(held.len(), TOGETHER_BYTES / (MAX_BYTES - OWN_BYTES));
        assert_eq!(refused.code(), 429);
        assert_eq!(refused.details.retry_after_seconds, Some(1));
        assert!(bodies.room().grow(OWN_BYTES).is_ok());
        held.pop();
        assert!(bodies.room().grow(MAX_BYTES).is_ok());
    }
}
