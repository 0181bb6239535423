//! Reads that miss nothing: what others have committed is shown milliseconds later, so one that must have it asks the engine how
//! far they are and waits until that is shown (KEP-2340).
//!
//! ```text
//!  read ─┐
//!  read ─┼─► one call at a time, for all that came before it began ─► newest revision ─► shown by the hub
//!  read ─┘
//! ```

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tokio::sync::Mutex;

use crate::{EngineError, Newest, ReadError, Revision, hub::Hub};

/// How far the commits of others are.
pub(crate) struct Freshness {
    newest: Newest,
    /// How many calls have begun.
    begun: AtomicU64,
    /// Locked while a call is under way.
    last: Mutex<Answer>,
}

/// What the last call has told.
struct Answer {
    /// Which call it was, from 1 on.
    call: u64,
    newest: Result<Revision, Arc<EngineError>>,
}

impl Freshness {
    pub(crate) fn new(newest: Newest) -> Self {
        let nothing = Answer {
            call: 0,
            newest: Ok(Revision::ZERO),
        };
        Self {
            newest,
            begun: AtomicU64::new(0),
            last: Mutex::new(nothing),
        }
    }

    /// Returns when the hub shows all that anyone had committed when this was called. Cancel-safe.
    pub(crate) async fn reached(&self, hub: &Hub) -> Result<(), ReadError> {
        let newest = self.newest().await;
        let newest = newest.map_err(|source| ReadError::Engine { source })?;
        match hub.reaches(newest).await {
            true => Ok(()),
            false => Err(ReadError::Closed),
        }
    }

    /// The newest revision, by a call that begins from now on.
    async fn newest(&self) -> Result<Revision, Arc<EngineError>> {
        let next = self.begun.load(Ordering::SeqCst) + 1;
        let mut last = self.last.lock().await;
        if last.call < next {
            let call = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
            let newest = (self.newest)().await.map_err(Arc::new);
            *last = Answer { call, newest };
        }
        last.newest.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::task::Poll;

    use futures::{FutureExt, future::join_all, poll};
    use tokio::sync::Semaphore;

    use super::*;

    /// An engine that counts its calls, and answers with their number, or fails at 2, when it is let.
    fn engine() -> (Arc<Freshness>, Arc<Semaphore>) {
        let gate = Arc::new(Semaphore::new(0));
        let let_through = Arc::clone(&gate);
        let calls = Arc::new(AtomicU64::new(0));
        let newest: Newest = Box::new(move || {
            let (gate, calls) = (Arc::clone(&gate), Arc::clone(&calls));
            let call = calls.fetch_add(1, Ordering::SeqCst) + 1;
            async move {
                gate.acquire().await.unwrap().forget();
                match call {
                    2 => Err(EngineError::EtcdSilent { doing: "answer" }),
                    call => Ok(Revision(call)),
                }
            }
            .boxed()
        });
        (Arc::new(Freshness::new(newest)), let_through)
    }

    #[tokio::test]
    async fn reads_that_wait_share_the_next_call() {
        let (freshness, gate) = engine();
        let mut first = Box::pin(freshness.newest());
        assert!(poll!(&mut first).is_pending());
        // They come while a call is under way, which may have missed what they must see.
        let mut late: Vec<_> = (0..3).map(|_| Box::pin(freshness.newest())).collect();
        for read in &mut late {
            assert!(poll!(read).is_pending());
        }
        gate.add_permits(1);
        assert_eq!(first.await.unwrap(), Revision(1));
        gate.add_permits(1);
        for failed in join_all(late).await {
            assert!(failed.is_err(), "the same for all");
        }
        gate.add_permits(1);
        assert_eq!(freshness.newest().await.unwrap(), Revision(3));
    }

    #[tokio::test]
    async fn who_gives_up_leaves_the_call_to_the_next() {
        let (freshness, gate) = engine();
        let mut first = Box::pin(freshness.newest());
        assert!(poll!(&mut first).is_pending());
        let mut second = Box::pin(freshness.newest());
        assert!(poll!(&mut second).is_pending());
        drop(first);
        assert!(poll!(&mut second).is_pending(), "it calls itself");
        gate.add_permits(1);
        assert!(matches!(poll!(&mut second), Poll::Ready(Err(_))));
    }
}
