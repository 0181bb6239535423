use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;

use super::Worker;
use crate::pods::backoff::Backoff;
use crate::pods::inbox::Mail;
use crate::pods::object;
use crate::pods::plan::Want;
use crate::pods::progress::Step;
use crate::pods::seen::{Instance, Seen};
use crate::pods::work;
use crate::probes::ProbeKind;
use crate::runtime::{PodState, Runtime};

impl<R: Runtime> Worker<R> {
    /// Takes in what is new.
    pub(super) fn receive(&mut self, mail: Mail) {
        if let Some(pod) = mail.pod {
            self.replace_pod(pod);
        }
        if mail.is_gone {
            self.want = Want::Forget;
        }
        if mail.references {
            self.refresh_volumes();
            for one in self.progress.containers.values_mut() {
                one.start.hurry();
            }
        }
        if let Some(listed) = mail.listed {
            self.compare(listed);
            self.hurry();
        }
        if let Some((eviction, done)) = mail.evict {
            self.evict(eviction, Some(done));
        }
        if let Some(done) = mail.reclaim {
            self.reclaim(done);
        }
        for id in mail.containers {
            self.look(&id);
        }
        for id in mail.sandboxes {
            self.works
                .spawn(work::look_at_sandbox(self.context.clone(), id));
        }
        for ((id, kind), passed) in mail.probes {
            // One that has ended was forgotten, with all its results.
            if self.seen.find(&id).is_some_and(|(_, one)| one.is_running()) {
                self.progress.probes.note(&id, kind, passed);
            }
        }
    }

    fn replace_pod(&mut self, pod: Arc<Pod>) {
        for (_, container) in object::containers(&pod) {
            let old = object::container(&self.pod, &container.name);
            let is_changed = old.is_some_and(|old| old.image != container.image);
            let one = self.progress.containers.get_mut(&container.name);
            if let Some(one) = one.filter(|one| is_changed && one.image != Step::Busy) {
                one.image = Step::Todo;
            }
        }
        let shown = |pod: &Pod| {
            (
                pod.metadata.labels.clone(),
                pod.metadata.annotations.clone(),
            )
        };
        let is_refreshed = shown(&self.pod) != shown(&pod);
        if self.want != Want::Forget {
            self.want = super::want(&pod);
        }
        self.pod = self.claim.replace(pod, &self.pod);
        self.grant();
        if is_refreshed {
            self.refresh_volumes();
        }
    }

    /// Writes the volumes again if something in them may have changed.
    pub(super) fn refresh_volumes(&mut self) {
        let spec = self.pod.spec.as_ref();
        let has_volumes =
            spec.is_some_and(|spec| spec.volumes.as_ref().is_some_and(|all| !all.is_empty()));
        match self.progress.volumes {
            Step::Busy => self.progress.volumes_are_stale = true,
            _ if has_volumes => self.progress.volumes = Step::Todo,
            _ => {}
        }
    }

    /// Looks at a container, if it is one of the Pod's that is known.
    fn look(&mut self, id: &str) {
        if let Some((name, instance)) = self.seen.find(id) {
            let (name, sandbox) = (name.to_owned(), instance.sandbox_id.clone());
            let looking = work::look(
                self.context.clone(),
                self.pod.clone(),
                name,
                sandbox,
                id.to_owned(),
            );
            self.works.spawn(looking);
        }
    }

    /// The runtime is back: what failed for want of it need not wait any longer.
    fn hurry(&mut self) {
        self.progress.sandbox.hurry();
        for one in self.progress.containers.values_mut() {
            one.start.hurry();
            let is_unasked = one
                .image
                .failure()
                .is_some_and(|failure| failure.reason == "ImageInspectError");
            if is_unasked {
                one.image.hurry();
            }
        }
    }

    /// After events were missed: takes in what is listed, and looks at what was known and is not in the list. It may be
    /// gone, or newer than the list.
    pub(super) fn compare(&mut self, listed: Vec<PodState>) {
        let listed = Seen::new(listed);
        let known: Vec<String> = self
            .seen
            .instances()
            .map(|(_, one)| one.id.clone())
            .collect();
        for id in known {
            self.look(&id);
        }
        for sandbox in &self.seen.sandboxes {
            let looking = work::look_at_sandbox(self.context.clone(), sandbox.id.clone());
            self.works.spawn(looking);
        }
        // What is not known was made by a kubelet before this one, or its making was given up: it is adopted.
        if self.progress.is_making() {
            return;
        }
        for sandbox in listed.sandboxes {
            if !self
                .seen
                .sandboxes
                .iter()
                .any(|known| known.id == sandbox.id)
            {
                self.seen.put_sandbox(sandbox);
            }
        }
        for (name, all) in listed.containers {
            for instance in all {
                if self.seen.find(&instance.id).is_none() {
                    self.seen.put(&name, instance);
                }
            }
        }
    }

    /// Takes over what was there before: back-offs go on, and what the API knows of the readiness of containers that run
    /// holds until their probes say otherwise.
    pub(super) fn adopt(&mut self) {
        let newest: Vec<(String, Instance)> = self
            .seen
            .containers
            .iter()
            .filter_map(|(name, all)| Some((name.clone(), all.last()?.clone())))
            .collect();
        for (name, instance) in newest {
            let tries = u32::try_from(instance.attempt).unwrap_or(0);
            // One that never started still counts as a try.
            let ended_at = instance.exit().map(|exit| exit.finished_at);
            if let Some(tried_at) = instance.started_at().or(ended_at) {
                let one = self.progress.containers.entry(name.clone()).or_default();
                one.crashes = Backoff::resumed(tries, tried_at);
            }
            if instance.is_running() {
                self.adopt_running(&name, instance);
            }
        }
    }

    fn adopt_running(&mut self, name: &str, instance: Instance) {
        let id = Some(format!("containerd://{}", instance.id));
        let known = object::known_status(self.pod.status.as_ref(), name);
        if let Some(known) = known.filter(|known| known.container_id == id) {
            if known.started == Some(true) {
                self.progress
                    .probes
                    .note(&instance.id, ProbeKind::Startup, true);
            }
            self.progress
                .probes
                .note(&instance.id, ProbeKind::Readiness, known.ready);
        }
        self.adopted.insert(instance.id);
    }
}
