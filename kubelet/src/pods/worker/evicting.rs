use std::sync::Arc;

use jiff::Timestamp;
use tokio_util::sync::DropGuard;

use super::Worker;
use crate::pods::events::Teller;
use crate::pods::orders::Eviction;
use crate::pods::plan::{self, Life, Plan};
use crate::pods::{object, work};
use crate::runtime::Runtime;

impl<R: Runtime> Worker<R> {
    /// The Pod is to go, unless it has ended already. `done` is dropped when it has given everything back.
    pub(crate) fn evict(&mut self, eviction: Eviction, done: Option<DropGuard>) {
        if object::is_terminal(&self.pod) {
            return;
        }
        let known = self.progress.evicted.as_ref();
        let is_sooner = known.is_some_and(|known| eviction.max_grace_s() < known.max_grace_s());
        if is_sooner {
            self.progress.evicted = Some(eviction);
        } else if known.is_none() {
            let tell = Teller::new(&self.context.host.recorder, &self.pod);
            tell.warning(eviction.reason(), eviction.message.clone());
            self.progress
                .ending_since
                .get_or_insert_with(Timestamp::now);
            self.progress.evicted = Some(eviction);
        }
        self.evicting = done;
    }

    /// Gives up dead containers. `done` is dropped when they are gone.
    pub(super) fn reclaim(&mut self, done: Arc<DropGuard>) {
        for action in plan::reclaimable(&self.input(Timestamp::now())) {
            self.begin(action);
        }
        self.reclaiming = Some(done);
    }

    /// Lets those know who wait for the Pod to give something back.
    pub(super) async fn tell_given_back(&mut self, plan: &Plan) {
        if self.progress.stopping.is_empty() {
            self.reclaiming = None;
        }
        let is_over = plan.life == Life::Over && self.seen.sandboxes.is_empty();
        if self.evicting.is_some() && is_over {
            work::remove_logs(&self.context, &self.pod).await;
            self.evicting = None;
        }
    }
}
