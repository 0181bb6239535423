use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::Worker;
use crate::pods::events::Teller;
use crate::pods::plan::Want;
use crate::pods::progress::{Failure, Step};
use crate::pods::resize::{self, Applied, InProgress, Pending, Refusal, message};
use crate::runtime::Runtime;

/// The delays of a change that does not work.
const FIRST: SignedDuration = SignedDuration::from_secs(10);
const LAST: SignedDuration = SignedDuration::from_secs(160);

impl<R: Runtime> Worker<R> {
    /// Grants the Pod the resources that are wanted now, if the node has them.
    pub(super) fn grant(&mut self) {
        if Arc::ptr_eq(&self.pod, &self.wanted) {
            self.progress.resizing.pending = None;
            return;
        }
        let can_be_judged = self.want == Want::Run && self.context.room.is_open();
        let Some(place) = self.place.as_ref().filter(|_| can_be_judged) else {
            return;
        };
        match place.resize(&self.wanted) {
            Ok(()) => self.granted(),
            Err(refusal) => self.refused(refusal),
        }
    }

    fn granted(&mut self) {
        self.pod = self.wanted.clone();
        let generation = self.pod.metadata.generation;
        let resizing = &mut self.progress.resizing;
        resizing.pending = None;
        resizing.failures = 0;
        resizing.step.hurry();
        resizing.in_progress = Some(InProgress {
            generation,
            error: None,
        });
        let words = message("started", &self.pod, generation, None);
        Teller::new(&self.context.host.recorder, &self.pod).normal("ResizeStarted", words);
    }

    fn refused(&mut self, why: Refusal) {
        let generation = self.wanted.metadata.generation;
        let pending = Some(Pending { why, generation });
        if self.progress.resizing.pending == pending {
            return;
        }
        if let Some(Pending { why, .. }) = &pending {
            let error = Some(why.message.as_str());
            let words = message(why.kind.reason(), &self.wanted, generation, error);
            let tell = Teller::new(&self.context.host.recorder, &self.pod);
            tell.warning(why.kind.event(), words);
        }
        self.progress.resizing.pending = pending;
    }

    /// Takes in how far a change came.
    pub(super) fn settle_resize(&mut self, applied: Applied, error: Option<String>) {
        let resizing = &mut self.progress.resizing;
        resizing.applied.limits = applied.limits;
        resizing.applied.containers.extend(applied.containers);
        let Some(message) = error else {
            resizing.step = Step::Todo;
            resizing.failures = 0;
            if let Some(one) = &mut resizing.in_progress {
                one.error = None;
            }
            return;
        };
        let (now, failures) = (Timestamp::now(), resizing.failures);
        resizing.failures = failures.saturating_add(1);
        let failure = Failure::growing(message.clone(), now, failures, FIRST, LAST);
        resizing.step = Step::Failed(failure);
        self.tell_failed_resize(message);
    }

    fn tell_failed_resize(&mut self, error: String) {
        let generation = self.pod.metadata.generation;
        let in_progress = &mut self.progress.resizing.in_progress;
        let one = in_progress.get_or_insert(InProgress {
            generation,
            error: None,
        });
        if one.error.as_ref() == Some(&error) {
            return;
        }
        let words = message("error", &self.pod, one.generation, Some(&error));
        one.error = Some(error);
        Teller::new(&self.context.host.recorder, &self.pod).warning("ResizeError", words);
    }

    /// Tells, once, that the Pod has all that it was granted.
    pub(super) fn tell_resized(&mut self) {
        let resizing = &self.progress.resizing;
        let Some(one) = &resizing.in_progress else {
            return;
        };
        let is_done = resizing.restarting.is_empty()
            && !self.progress.is_making()
            && resize::is_done(&self.pod, &self.seen, &resizing.applied);
        if !is_done {
            return;
        }
        let words = message("completed", &self.pod, one.generation, None);
        Teller::new(&self.context.host.recorder, &self.pod).normal("ResizeCompleted", words);
        self.progress.resizing.in_progress = None;
    }
}
