use std::collections::HashSet;

use super::Worker;
use crate::pods::events::Teller;
use crate::pods::object;
use crate::pods::plan::Life;
use crate::pods::seen::State;
use crate::probes::{self, Found, ProbeKind, Target, Task};
use crate::runtime::Runtime;

impl<R: Runtime> Worker<R> {
    /// Starts the probes that are to run now, and stops those that are not.
    pub(super) fn probe(&mut self, life: Life) {
        let wanted = if life == Life::Running {
            self.wanted_probes()
        } else {
            Vec::new()
        };
        let keys: HashSet<_> = wanted.iter().map(key_of).collect();
        self.probing.retain(|key, running| {
            let stays = keys.contains(key);
            if !stays {
                running.abort();
            }
            stays
        });
        for task in wanted {
            if !self.probing.contains_key(&key_of(&task)) {
                self.start_probe(task);
            }
        }
        // Ended and aborted tasks are let go of.
        while self.probes.try_join_next().is_some() {}
    }

    fn wanted_probes(&self) -> Vec<Task> {
        let mut wanted = Vec::new();
        for (_, container) in object::containers(&self.pod) {
            let Some(instance) = self.seen.newest(&container.name) else {
                continue;
            };
            let State::Running { started_at } = instance.state else {
                continue;
            };
            if self.progress.is_starting(&container.name)
                || self.progress.stopping.contains(&instance.id)
            {
                continue;
            }
            let has_started = container.startup_probe.is_none()
                || self
                    .progress
                    .probes
                    .passed(&instance.id, ProbeKind::Startup)
                    == Some(true);
            for kind in ProbeKind::ALL {
                let Some(probe) = kind.of(container) else {
                    continue;
                };
                if has_started == (kind == ProbeKind::Startup) {
                    continue;
                }
                wanted.push(Task {
                    kind,
                    probe: probe.clone(),
                    target: Target {
                        container_id: instance.id.clone(),
                        container: container.clone(),
                        ip: self.ip(),
                    },
                    started_at,
                    is_adopted: self.adopted.contains(&instance.id),
                });
            }
        }
        wanted
    }

    fn start_probe(&mut self, task: Task) {
        let (context, pod, inbox) = (self.context.clone(), self.pod.clone(), self.inbox.clone());
        let key = key_of(&task);
        let name = task.target.container.name.clone();
        let kind = task.kind;
        let tell = {
            let (context, key) = (context.clone(), key.clone());
            move |found| {
                let tell = Teller::new(&context.host.recorder, &pod);
                match found {
                    Found::Result(passed) => inbox.put(|mail| {
                        mail.probes.insert(key.clone(), passed);
                    }),
                    Found::Failure(why) => {
                        let message = format!("{} probe failed: {why}", kind.name());
                        tell.container_warning(&name, "Unhealthy", message);
                    }
                    Found::Error(why) => {
                        let message = format!(
                            "{} probe errored and resulted in unknown state: {why}",
                            kind.name()
                        );
                        tell.container_warning(&name, "Unhealthy", message);
                    }
                }
            }
        };
        let running = self.probes.spawn(async move {
            probes::run(context.runtime.clone(), task, tell).await;
        });
        self.probing.insert(key, running);
    }
}

fn key_of(task: &Task) -> (String, ProbeKind) {
    (task.target.container_id.clone(), task.kind)
}
