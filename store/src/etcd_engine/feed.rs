//! The feed: a task that watches our keys and hands on what anyone commits, in order, without a gap.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::mpsc,
    time::{Instant, sleep},
};

use super::{
    layout::Layout,
    members::{Members, etcd},
    read,
};
use crate::{Bell, EngineError, Record, Revision};

/// How many answers of etcd may wait for the committer. Those beyond wait at etcd.
const QUEUE: usize = 64;
/// Before a watch that broke is begun again; twice as long each time that nothing came of it, up to a bound.
const PAUSE: Duration = Duration::from_millis(100);
const MAX_PAUSE: Duration = Duration::from_secs(3);

/// Records of whole revisions, or why there will be none.
pub(super) type News = Result<Vec<Record>, EngineError>;

/// Rings once for all news that come before somebody looks.
#[derive(Default)]
pub(super) struct Doorbell {
    bell: OnceLock<Bell>,
    rung: AtomicBool,
}

impl Doorbell {
    /// Hangs up the bell; it rings if there are news already.
    pub(super) fn hang(&self, bell: Bell) {
        let bell = self.bell.get_or_init(|| bell);
        if self.rung.load(Ordering::Acquire) {
            bell();
        }
    }

    /// To be called before one looks for news, so that none comes unnoticed after. A swap, not a store: that could become visible
    /// only after an empty look, and hide what rang between.
    pub(super) fn look(&self) {
        self.rung.swap(false, Ordering::AcqRel);
    }

    fn ring(&self) {
        if !self.rung.swap(true, Ordering::AcqRel)
            && let Some(bell) = self.bell.get()
        {
            bell();
        }
    }
}

/// Why a watch has ended that did not break.
enum End {
    /// Nobody is left to tell.
    Unheard,
    /// Another member is spoken to.
    Moved,
}

/// Watches our keys.
pub(super) struct Feed {
    members: Arc<Members>,
    layout: Layout,
    /// Up to where everything was handed on.
    reached: Revision,
    patience: Duration,
    news: mpsc::Sender<News>,
    door: Arc<Doorbell>,
    pause: Duration,
}

impl Feed {
    /// A feed from the first change after a revision, and the other end of its queue.
    pub(super) fn new(
        members: Arc<Members>,
        layout: Layout,
        after: Revision,
        patience: Duration,
        door: Arc<Doorbell>,
    ) -> (Self, mpsc::Receiver<News>) {
        let (news, receiver) = mpsc::channel(QUEUE);
        let feed = Self {
            members,
            layout,
            reached: after,
            patience,
            news,
            door,
            pause: PAUSE,
        };
        (feed, receiver)
    }

    /// Watches until what etcd says cannot be gone on with, or nobody is left to tell.
    pub(super) async fn run(mut self) {
        loop {
            let error = match self.follow().await {
                Ok(End::Unheard) => return,
                Ok(End::Moved) => continue,
                Err(error) => error,
            };
            if is_final(&error) {
                let _ = self.news.send(Err(error)).await;
                self.door.ring();
                return;
            }
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the watch on etcd broke, it is begun again"
            );
            self.members.suspect();
            sleep(self.pause).await;
            self.pause = (self.pause * 2).min(MAX_PAUSE);
        }
    }

    /// Watches at one member.
    async fn follow(&mut self) -> Result<End, EngineError> {
        let deadline = Instant::now() + self.patience;
        let member = self.members.sound(deadline).await?;
        let mut stream = read::watch(member, &self.layout, self.reached, deadline).await?;
        // A member that hangs breaks nothing: a commit may find it out first.
        let left = self.members.left(member);
        tokio::pin!(left);
        loop {
            let answer = tokio::select! {
                answer = stream.message() => answer,
                () = &mut left => return Ok(End::Moved),
            };
            let answer = answer.map_err(etcd("tell what happens"))?;
            let Some(answer) = answer else {
                let reason = "its end was closed".into();
                return Err(EngineError::EtcdCancelled { reason });
            };
            let records = read::records(&self.layout, &answer, self.reached)?;
            self.pause = PAUSE;
            let Some(last) = records.last() else {
                continue;
            };
            self.reached = last.revision();
            if self.news.send(Ok(records)).await.is_err() {
                return Ok(End::Unheard);
            }
            self.door.ring();
        }
    }
}

/// Whether it would be the same again.
fn is_final(error: &EngineError) -> bool {
    matches!(
        error,
        EngineError::EtcdCompacted { .. } | EngineError::Record { .. }
    )
}
