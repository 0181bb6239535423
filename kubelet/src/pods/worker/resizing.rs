use jiff::Timestamp;

use super::Worker;
use crate::pods::events::Teller;
use crate::pods::plan::Want;
use crate::pods::resize::{Outcome, Refusal, message};
use crate::runtime::Runtime;

impl<R: Runtime> Worker<R> {
    /// Grants the Pod the resources that are wanted now, if the node has them.
    pub(super) fn grant(&mut self) {
        let wants_more = self.claim.is_open(&self.pod);
        if !wants_more {
            self.progress.resizing.withdraw();
        }
        if !wants_more || self.want != Want::Run {
            self.claim.withdraw(&self.pod);
        } else {
            match self.claim.ask() {
                Some(Ok(())) => self.granted(),
                Some(Err(refusal)) => self.refused(refusal),
                None => {}
            }
        }
    }

    fn granted(&mut self) {
        self.pod = self.claim.wanted().clone();
        let generation = self.pod.metadata.generation;
        self.progress.resizing.grant(generation);
        let words = message("started", &self.pod, generation, None);
        Teller::new(&self.context.host.recorder, &self.pod).normal("ResizeStarted", words);
    }

    fn refused(&mut self, why: Refusal) {
        let wanted = self.claim.wanted();
        let generation = wanted.metadata.generation;
        let words = message(
            why.kind.reason(),
            wanted,
            generation,
            Some(why.message.as_str()),
        );
        let event = why.kind.event();
        if self.progress.resizing.refuse(why, generation) {
            Teller::new(&self.context.host.recorder, &self.pod).warning(event, words);
        }
    }

    /// Takes in how far a change came.
    pub(super) fn settle_resize(&mut self, outcome: Outcome) {
        let resizing = &mut self.progress.resizing;
        if let Some(error) = resizing.settle(outcome, &self.pod, Timestamp::now()) {
            let generation = self.pod.metadata.generation;
            let words = message("error", &self.pod, generation, Some(&error));
            Teller::new(&self.context.host.recorder, &self.pod).warning("ResizeError", words);
        }
    }

    /// Tells, once, that the Pod has all that it was granted.
    pub(super) fn tell_resized(&mut self) {
        if self.progress.is_making() {
            return;
        }
        if let Some(done) = self.progress.resizing.finish(&self.pod, &self.seen) {
            let words = message("completed", &self.pod, done.generation, None);
            Teller::new(&self.context.host.recorder, &self.pod).normal("ResizeCompleted", words);
        }
    }
}
