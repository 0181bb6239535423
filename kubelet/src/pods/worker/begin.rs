use std::borrow::Cow;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::Worker;
use crate::pods::events::Teller;
use crate::pods::object;
use crate::pods::plan::{Action, Why};
use crate::pods::progress::Step;
use crate::pods::status::ips_of;
use crate::pods::work::{self, Done, Start, Stop};
use crate::runtime::Runtime;
use crate::volumes;

impl<R: Runtime> Worker<R> {
    /// Sets an action going, and notes that it is under way.
    pub(super) fn begin(&mut self, action: Action) {
        let (context, pod) = (self.context.clone(), self.pod.clone());
        match action {
            Action::PrepareVolumes => self.prepare_volumes(),
            Action::CreateSandbox { attempt } => {
                self.progress.sandbox = Step::Busy;
                self.progress.resizing.sandbox_begins(&pod);
                if attempt > 0 {
                    let tell = Teller::new(&context.host.recorder, &pod);
                    tell.sandbox_changed();
                }
                let ended = self.ended.clone();
                self.works
                    .spawn(work::create_sandbox(context, pod, attempt, ended));
            }
            Action::EnsureImage { container } => self.ensure_image(&container),
            Action::StartContainer { container, attempt } => self.start(&container, attempt),
            Action::StopContainer { id, grace_s, why } => self.stop(&id, grace_s, why),
            Action::RemoveContainer { id } => self.remove(&id),
            Action::StopSandbox { id } => {
                self.progress.stopping.insert(id.clone());
                self.works.spawn(work::stop_sandbox(context, id));
            }
            Action::RemoveSandbox { id } => {
                self.progress.stopping.insert(id.clone());
                self.works.spawn(work::remove_sandbox(context, id));
            }
            Action::Resize(change) => {
                let limits = self.progress.resizing.begin();
                self.works.spawn(work::resize(context, pod, change, limits));
            }
            Action::CleanUp => {
                self.progress.cleaned = Step::Busy;
                self.works.spawn(work::clean_up(context, pod));
            }
            Action::DeletePod => {
                self.progress.deleted = Step::Busy;
                self.works.spawn(work::delete(context, pod));
            }
            Action::Finish => {}
        }
    }

    fn ips(&self) -> Vec<String> {
        let node_ip = self.context.host.config.node_ip;
        let sandbox = self.seen.sandbox();
        sandbox
            .map(|sandbox| ips_of(&self.pod, sandbox, node_ip))
            .unwrap_or_default()
    }

    /// The Pod's first address, empty as long as it has none.
    pub(super) fn ip(&self) -> String {
        self.ips().into_iter().next().unwrap_or_default()
    }

    fn prepare_volumes(&mut self) {
        self.progress.volumes = Step::Busy;
        let (context, pod, ips) = (self.context.clone(), self.pod.clone(), self.ips());
        self.works
            .spawn(async move { Done::Volumes(volumes::set_up(&context.host, &pod, &ips).await) });
    }

    fn ensure_image(&mut self, name: &str) {
        let container = object::any_container(&self.pod, name).map(Cow::into_owned);
        let Some(container) = container else {
            return;
        };
        self.progress
            .containers
            .entry(name.to_owned())
            .or_default()
            .image = Step::Busy;
        let (context, pod) = (self.context.clone(), self.pod.clone());
        self.works.spawn(work::ensure_image(
            context,
            pod,
            container,
            self.ended.clone(),
        ));
    }

    fn start(&mut self, name: &str, attempt: i32) {
        let container = object::any_container(&self.pod, name).map(Cow::into_owned);
        let (Some(container), Some(sandbox)) = (container, self.seen.ready_sandbox().cloned())
        else {
            return;
        };
        let target = object::target(&self.pod, name);
        let target = target.and_then(|target| self.seen.newest(target));
        let target_id = target.map(|target| target.id.clone());
        let failed_at = self
            .seen
            .newest(name)
            .and_then(|one| one.exit())
            .map(|exit| exit.finished_at);
        let one = self.progress.containers.entry(name.to_owned()).or_default();
        one.start = Step::Busy;
        // The next start looks at the image anew: its policy may be Always.
        one.image = Step::Todo;
        let resizing = &mut self.progress.resizing;
        let is_resized = resizing.container_begins(&self.pod, &container);
        if let Some(failed_at) = failed_at.filter(|_| !is_resized) {
            one.crashes.tried(failed_at, Timestamp::now());
        }
        let start = Start {
            pod: self.pod.clone(),
            container,
            attempt,
            target_id,
            image: one.on_node.clone(),
            sandbox,
            mounted: self.mounted.clone(),
            ended: self.ended.clone(),
        };
        self.works.spawn(work::start(self.context.clone(), start));
    }

    fn remove(&mut self, id: &str) {
        let Some((name, known)) = self.seen.find(id) else {
            return;
        };
        let (context, pod) = (self.context.clone(), self.pod.clone());
        let removal = work::remove_container(context, pod, name.to_owned(), known.clone());
        self.progress.stopping.insert(id.to_owned());
        self.works.spawn(removal);
    }

    fn stop(&mut self, id: &str, grace_s: i64, why: Why) {
        let Some((name, instance)) = self.seen.find(id) else {
            return;
        };
        let by = Timestamp::now() + SignedDuration::from_secs(grace_s);
        let stop = Stop {
            pod: self.pod.clone(),
            name: name.to_owned(),
            running: instance.clone(),
            ip: self.ip(),
            grace: Duration::from_secs(u64::try_from(grace_s).unwrap_or(0)),
            why,
            is_repeated: !self.progress.stop_begun.insert(id.to_owned()),
        };
        if why == Why::Resized {
            self.progress.resizing.container_stops(name);
        }
        self.progress.stopping.insert(id.to_owned());
        self.progress.stop_by.insert(id.to_owned(), by);
        self.works
            .spawn(work::stop_container(self.context.clone(), stop));
    }
}
