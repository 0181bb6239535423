//! The life of one Pod on the node: sleep, plan, set going, take in what came of it.

mod begin;
mod evicting;
mod probing;
mod receive;
mod reporting;
mod resizing;
mod settle;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, PodStatus};
use skiff_api::trace::{Stage, stamp};
use tokio::task::{AbortHandle, JoinSet};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::context::Context;
use super::events::Teller;
use super::inbox::Inbox;
use super::object;
use super::plan::{self, Action, Life, Plan, Waiting, Want};
use super::progress::Progress;
use super::resize::{self, Claim, Resizing};
use super::seen::Seen;
use super::work::{self, Done};
use crate::probes::ProbeKind;
use crate::runtime::{PodState, Runtime};
use crate::volumes::Mounted;

/// One Pod's worker.
pub(super) struct Worker<R> {
    context: Arc<Context<R>>,
    inbox: Arc<Inbox>,
    /// When the worker began: the stages of its Pod are stamped from here.
    began: Instant,
    /// The Pod with the resources that it was granted.
    pod: Arc<Pod>,
    /// What it wants of the node.
    claim: Claim,
    want: Want,
    seen: Seen,
    progress: Progress,
    mounted: Mounted,
    report: Report,
    /// Why containers waited at the last look, to tell of what is new.
    waiting: BTreeMap<String, Waiting>,
    works: JoinSet<Done>,
    probes: JoinSet<()>,
    probing: HashMap<(String, ProbeKind), AbortHandle>,
    /// Containers that ran already when the worker began.
    adopted: BTreeSet<String>,
    /// Cancelled when the Pod ends: nobody waits for its images any more.
    ended: CancellationToken,
    /// For those who wait until the Pod has gone, and until its dead containers have.
    evicting: Option<DropGuard>,
    reclaiming: Option<Arc<DropGuard>>,
}

/// What the API server was told of the Pod.
#[derive(Default)]
struct Report {
    /// The last status that it took.
    written: PodStatus,
    is_busy: bool,
    /// When a write that failed is tried again.
    again_at: Option<Timestamp>,
}

impl<R: Runtime> Worker<R> {
    /// The worker of a Pod of which the runtime has `listed`.
    pub(super) fn new(
        context: Arc<Context<R>>,
        inbox: Arc<Inbox>,
        pod: Arc<Pod>,
        listed: Vec<PodState>,
    ) -> Self {
        if listed.is_empty() {
            stamp(Stage::Seen, object::uid(&pod), "");
        }
        let report = Report {
            written: pod.status.clone().unwrap_or_default(),
            ..Report::default()
        };
        let (wanted, pod) = (pod.clone(), resize::as_told(&pod));
        let progress = Progress {
            resizing: Resizing::resumed(&pod),
            ..Progress::default()
        };
        let mut worker = Self {
            claim: Claim::new(context.room.clone(), wanted, &pod),
            context,
            inbox,
            began: Instant::now(),
            want: want(&pod),
            pod,
            seen: Seen::new(listed),
            progress,
            mounted: Mounted::default(),
            report,
            waiting: BTreeMap::new(),
            works: JoinSet::new(),
            probes: JoinSet::new(),
            probing: HashMap::new(),
            adopted: BTreeSet::new(),
            ended: CancellationToken::new(),
            evicting: None,
            reclaiming: None,
        };
        worker.adopt();
        worker
    }

    /// Works until nothing is left to do, ever, or until `shutdown`, which leaves the containers running.
    ///
    /// # Errors
    /// If something that was set going panicked.
    pub(super) async fn run(mut self, shutdown: CancellationToken) -> anyhow::Result<()> {
        work::messages(&self.context, &self.pod, &mut self.seen).await;
        loop {
            let plan = self.plan();
            if plan.actions.contains(&Action::Finish) {
                work::remove_traces(&self.context, &self.pod).await;
                return Ok(());
            }
            self.tell_waiting(&plan);
            self.tell_resized();
            self.tell_given_back(&plan).await;
            let is_reported = self.report(&plan);
            for action in plan.actions {
                if !action.must_be_known() || is_reported {
                    self.begin(action);
                }
            }
            self.probe(plan.life);
            let again_at = self.next_look(plan.again_at);
            let wants_more = self.claim.is_open(&self.pod);
            tokio::select! {
                // All arms are cancel-safe: a task's end or news are taken, or not.
                Some(done) = self.works.join_next() => self.settle(done?),
                mail = self.inbox.take() => self.receive(mail),
                () = self.claim.more_room(), if wants_more => self.grant(),
                () = sleep_until(again_at) => {}
                () = shutdown.cancelled() => return Ok(()),
            }
        }
    }

    fn plan(&mut self) -> Plan {
        let now = Timestamp::now();
        if self.mounted.refresh_at.is_some_and(|at| at <= now) {
            self.mounted.refresh_at = None;
            self.refresh_volumes();
        }
        let plan = plan::plan(&self.input(now));
        if plan.life != Life::Running {
            self.tell_deadline(now);
            self.progress.ending_since.get_or_insert(now);
            self.ended.cancel();
        }
        if matches!(plan.life, Life::Ended | Life::Over) {
            self.claim.give_back();
        }
        plan
    }

    /// Tells, once, that the Pod ends because it has run for as long as it may.
    fn tell_deadline(&self, now: Timestamp) {
        let is_over = plan::deadline(&self.pod).is_some_and(|at| at <= now);
        let ends_now = self.progress.ending_since.is_none() && !object::is_terminal(&self.pod);
        let has_ended = plan::is_finished(&self.pod, &self.seen);
        if is_over && ends_now && !has_ended && self.want == Want::Run {
            Teller::new(&self.context.host.recorder, &self.pod).deadline();
        }
    }

    /// What a plan is made from.
    fn input(&self, now: Timestamp) -> plan::Input<'_> {
        plan::Input {
            pod: &self.pod,
            want: self.want,
            seen: &self.seen,
            progress: &self.progress,
            now,
        }
    }

    /// When to look again if nothing happens.
    fn next_look(&self, planned: Option<Timestamp>) -> Option<Timestamp> {
        let all = [planned, self.report.again_at, self.mounted.refresh_at];
        all.into_iter().flatten().min()
    }

    /// Tells of containers that have begun to wait for their back-off.
    fn tell_waiting(&mut self, plan: &Plan) {
        let tell = Teller::new(&self.context.host.recorder, &self.pod);
        let is_new = |name: &String, waiting: &Waiting| {
            self.waiting.get(name).map(|known| known.reason) != Some(waiting.reason)
        };
        for (name, waiting) in plan
            .waiting
            .iter()
            .filter(|(name, waiting)| is_new(name, waiting))
        {
            match waiting.reason {
                "CrashLoopBackOff" => {
                    let pod = object::display(&self.pod);
                    let message =
                        format!("Back-off restarting failed container {name} in pod {pod}");
                    tell.container_warning(name, "BackOff", message);
                }
                "ImagePullBackOff" => {
                    let container = object::any_container(&self.pod, name);
                    let image = container.and_then(|one| one.image.clone());
                    let image = image.unwrap_or_default();
                    tell.container(name, "BackOff", format!("Back-off pulling image {image:?}"));
                    tell.container_warning(name, "Failed", "Error: ImagePullBackOff");
                }
                _ => {}
            }
        }
        self.waiting = plan.waiting.clone();
    }
}

/// What the API wants of a Pod that it has.
fn want(pod: &Pod) -> Want {
    match pod.metadata.deletion_timestamp {
        Some(_) => Want::End,
        None => Want::Run,
    }
}

async fn sleep_until(at: Option<Timestamp>) {
    let Some(at) = at else {
        return std::future::pending().await;
    };
    let left = at.duration_since(Timestamp::now());
    tokio::time::sleep(left.try_into().unwrap_or_default()).await;
}
