use jiff::{SignedDuration, Timestamp};

use super::Worker;
use crate::pods::events::Teller;
use crate::pods::object;
use crate::pods::progress::{self, Failure, Step};
use crate::pods::seen::{Instance, Sandbox, State};
use crate::pods::work::{self, Done, Refusal, Undoing};
use crate::runtime::{Runtime, RuntimeError};
use crate::volumes::{Failed, Mounted};

/// How long a container that could not be made waits for the next try.
const START_AGAIN: SignedDuration = SignedDuration::from_secs(10);
const SECOND: SignedDuration = SignedDuration::from_secs(1);
const SANDBOX_LAST: SignedDuration = SignedDuration::from_secs(10);
/// The delays of the kubelet's volume manager: 500 ms to 2 min 2 s.
const VOLUME_FIRST: SignedDuration = SignedDuration::from_millis(500);
const VOLUME_LAST: SignedDuration = SignedDuration::from_secs(122);

impl<R: Runtime> Worker<R> {
    /// Takes in how something ended.
    pub(super) fn settle(&mut self, done: Done) {
        let after_ms = self.began.elapsed().as_millis();
        tracing::debug!(
            pod = object::display(&self.pod),
            stage = done.stage(),
            after_ms,
            "stage done"
        );
        match done {
            Done::Volumes(result) => self.settle_volumes(result),
            Done::Sandbox(result) => self.settle_sandbox(result),
            Done::Image {
                container,
                image,
                result,
            } => self.settle_image(&container, &image, result),
            Done::Started {
                container,
                instance,
                refusal,
            } => self.settle_start(&container, instance, refusal),
            Done::Looked { id, name, instance } => self.see(&id, &name, instance),
            Done::Stopped { id, name, instance } => {
                self.progress.stopping.remove(&id);
                self.see(&id, &name, instance);
            }
            Done::NotStopped { id, error } => self.retry_later(&id, &error),
            Done::LookedAtSandbox { id, sandbox } => match sandbox {
                Some(sandbox) => self.seen.put_sandbox(sandbox),
                None => self.seen.remove_sandbox(&id),
            },
            Done::Listed(listed) => self.compare(listed),
            Done::Undone { id, what, result } => self.settle_undoing(id, what, result),
            Done::RetryNow { id } => {
                self.progress.stopping.remove(&id);
            }
            Done::Resized(outcome) => self.settle_resize(outcome),
            Done::Cleaned(result) => {
                self.progress.cleaned = self.step("volumes not torn down", result)
            }
            Done::Deleted(result) => self.progress.deleted = self.step("Pod not deleted", result),
            Done::Reported { status, result } => self.reported(*status, result),
            Done::Unknown => {}
        }
    }

    fn step<E: std::fmt::Display>(&self, what: &str, result: Result<(), E>) -> Step {
        let Err(error) = result else {
            return Step::Done;
        };
        tracing::warn!(pod = object::display(&self.pod), %error, "{what}, trying again");
        Step::Failed(Failure {
            reason: "",
            message: error.to_string(),
            at: Timestamp::now(),
            delay: SECOND,
        })
    }

    /// Keeps a container or sandbox that could not be stopped or removed out of the plan for a moment.
    fn retry_later(&mut self, id: &str, error: &RuntimeError) {
        tracing::warn!(id, %error, "not stopped or removed, trying again");
        self.progress.stopping.insert(id.to_owned());
        let id = id.to_owned();
        self.works.spawn(async move {
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            Done::RetryNow { id }
        });
    }

    fn settle_volumes(&mut self, result: Result<Mounted, Failed>) {
        match result {
            Ok(mounted) => {
                self.mounted = mounted;
                self.progress.volume_failures = 0;
                self.progress.volumes = Step::Done;
            }
            Err(Failed { volume, error }) => {
                let message = format!("MountVolume.SetUp failed for volume {volume:?} : {error}");
                let tell = Teller::new(&self.context.host.recorder, &self.pod);
                tell.warning("FailedMount", message.clone());
                let failures = self.progress.volume_failures;
                self.progress.volume_failures = failures.saturating_add(1);
                let now = Timestamp::now();
                let failure = Failure::growing(message, now, failures, VOLUME_FIRST, VOLUME_LAST);
                self.progress.volumes = Step::Failed(failure);
            }
        }
        if std::mem::take(&mut self.progress.volumes_are_stale) {
            self.refresh_volumes();
        }
    }

    fn settle_sandbox(&mut self, result: Result<Sandbox, String>) {
        match result {
            Ok(sandbox) => {
                self.seen.put_sandbox(sandbox);
                self.progress.sandbox_failures = 0;
                self.progress.sandbox = Step::Todo;
            }
            Err(message) => {
                let failures = self.progress.sandbox_failures;
                self.progress.sandbox_failures = failures.saturating_add(1);
                let now = Timestamp::now();
                let failure = Failure::growing(message, now, failures, SECOND, SANDBOX_LAST);
                self.progress.sandbox = Step::Failed(failure);
                self.list();
            }
        }
    }

    fn settle_undoing(&mut self, id: String, what: Undoing, result: Result<(), RuntimeError>) {
        if let Err(error) = result {
            return self.retry_later(&id, &error);
        }
        self.progress.stopping.remove(&id);
        match what {
            Undoing::StopSandbox => self.sandbox_stopped(id),
            Undoing::RemoveSandbox => {
                self.progress.stopped_sandboxes.remove(&id);
                self.seen.remove_sandbox(&id);
            }
            Undoing::RemoveContainer => {
                self.progress.stop_begun.remove(&id);
                self.adopted.remove(&id);
                self.seen.remove(&id);
            }
        }
    }

    fn sandbox_stopped(&mut self, id: String) {
        if let Some(sandbox) = self.seen.sandboxes.iter_mut().find(|one| one.id == id) {
            sandbox.ready = false;
        }
        self.progress.stopped_sandboxes.insert(id);
    }

    fn settle_image(&mut self, name: &str, image: &str, result: Result<progress::Image, Refusal>) {
        let now = Timestamp::now();
        let wanted = object::any_container(&self.pod, name).and_then(|one| one.image.clone());
        let one = self.progress.containers.entry(name.to_owned()).or_default();
        if wanted.as_deref() != Some(image) {
            one.image = Step::Todo;
            return;
        }
        one.image = match result {
            Ok(on_node) => {
                one.on_node = on_node;
                Step::Done
            }
            Err(Refusal { reason, message }) => {
                let delay = if reason == "ErrImagePull" {
                    one.pulls.tried(now, now);
                    one.pulls.delay(now).unwrap_or(START_AGAIN)
                } else {
                    START_AGAIN
                };
                Step::Failed(Failure {
                    reason,
                    message,
                    at: now,
                    delay,
                })
            }
        };
    }

    fn settle_start(&mut self, name: &str, instance: Option<Instance>, refusal: Option<Refusal>) {
        // A refusal before the runtime was asked leaves nothing behind.
        let is_unmade = refusal
            .as_ref()
            .is_some_and(|one| one.reason == "CreateContainerConfigError");
        let one = self.progress.containers.entry(name.to_owned()).or_default();
        one.start = match (&instance, refusal) {
            // One that was made and did not start has ended: its restart policy and back-off do the rest.
            (Some(made), _) if made.state != State::Created => Step::Todo,
            (_, Some(Refusal { reason, message })) => Step::Failed(Failure {
                reason,
                message,
                at: Timestamp::now(),
                delay: START_AGAIN,
            }),
            _ => Step::Todo,
        };
        match instance {
            Some(instance) => self.seen.put(name, instance),
            None if is_unmade => {}
            None => self.list(),
        }
    }

    /// What the runtime did not say that it made may be there all the same, and keep its name.
    fn list(&mut self) {
        let listing = work::list(self.context.clone(), self.pod.clone());
        self.works.spawn(listing);
    }

    fn see(&mut self, id: &str, name: &str, instance: Option<Instance>) {
        if !instance.as_ref().is_some_and(Instance::is_running) {
            self.progress.probes.forget(id);
            self.progress.stop_by.remove(id);
        }
        match instance {
            Some(instance) => self.seen.put(name, instance),
            None => self.seen.remove(id),
        }
    }
}
