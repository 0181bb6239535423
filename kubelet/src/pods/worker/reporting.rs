use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::PodStatus;
use skiff_api::trace::{Stage, stamp};

use super::Worker;
use crate::pods::plan::{Plan, Want};
use crate::pods::{object, status, work};
use crate::runtime::Runtime;

const AGAIN: SignedDuration = SignedDuration::from_secs(1);

impl<R: Runtime> Worker<R> {
    /// Writes the status if it has changed, one write at a time and beside everything else. Says whether the API server
    /// has the newest one.
    pub(super) fn report(&mut self, plan: &Plan) -> bool {
        if self.want == Want::Forget {
            return true;
        }
        if self.report.is_busy {
            return false;
        }
        let now = Timestamp::now();
        let new = status::status(&status::Input {
            pod: &self.pod,
            old: &self.report.written,
            seen: &self.seen,
            plan,
            probes: &self.progress.probes,
            resizing: &self.progress.resizing,
            evicted: self.progress.evicted.as_ref(),
            node_ip: self.context.host.config.node_ip,
            now,
        });
        if new == self.report.written {
            return true;
        }
        if self.report.again_at.is_some_and(|at| at > now) {
            return false;
        }
        self.report.is_busy = true;
        self.report.again_at = None;
        let old = self.report.written.clone();
        self.works.spawn(work::write_status(
            self.context.clone(),
            self.pod.clone(),
            old,
            new,
        ));
        false
    }

    pub(super) fn reported(&mut self, status: PodStatus, result: kube::Result<()>) {
        self.report.is_busy = false;
        match result {
            Ok(()) => {
                if is_ready(&status) && !is_ready(&self.report.written) {
                    stamp(Stage::Ready, object::uid(&self.pod), "");
                }
                self.report.written = status;
            }
            Err(error) => {
                tracing::warn!(pod = object::display(&self.pod), %error, "status not written, trying again");
                self.report.again_at = Some(Timestamp::now() + AGAIN);
            }
        }
    }
}

fn is_ready(status: &PodStatus) -> bool {
    let mut conditions = status.conditions.iter().flatten();
    conditions.any(|one| one.type_ == "Ready" && one.status == "True")
}
