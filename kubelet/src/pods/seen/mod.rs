//! A Pod as the runtime has it, in the words of the plan.

mod cri;

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::runtime::PodState;

pub(crate) use self::cri::{annotations, grace_s, name_of};

/// The sandboxes and containers of one Pod.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Seen {
    /// Oldest first; the last one counts.
    pub(crate) sandboxes: Vec<Sandbox>,
    /// By container name, oldest first; the last one counts.
    pub(crate) containers: BTreeMap<String, Vec<Instance>>,
}

/// One sandbox.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sandbox {
    pub(crate) id: String,
    pub(crate) attempt: u32,
    pub(crate) ready: bool,
    /// Empty on the host's network.
    pub(crate) ips: Vec<String>,
}

/// One container that the runtime has, by the name that it has in the Pod one of several.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Instance {
    pub(crate) id: String,
    pub(crate) sandbox_id: String,
    /// How often a container of this name was started before.
    pub(crate) attempt: i32,
    pub(crate) hash: String,
    pub(crate) image: String,
    pub(crate) image_ref: String,
    pub(crate) log_path: String,
    pub(crate) state: State,
}

/// What an [`Instance`] does.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum State {
    /// Made, but not started.
    Created,
    /// Runs.
    Running { started_at: Timestamp },
    /// Has ended.
    Exited(Exit),
}

/// How a container ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Exit {
    /// `None` if it never ran.
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) finished_at: Timestamp,
    pub(crate) code: i32,
    /// `Completed`, `Error`, `OOMKilled`, `StartError`, …
    pub(crate) reason: String,
    pub(crate) message: String,
}

impl Seen {
    /// All that the runtime listed of one Pod.
    pub(crate) fn new(mut listed: Vec<PodState>) -> Self {
        listed.sort_by_key(|state| Sandbox::new(&state.sandbox).attempt);
        let mut seen = Self::default();
        for state in &listed {
            seen.sandboxes.push(Sandbox::new(&state.sandbox));
            for status in &state.containers {
                seen.put(name_of(status), Instance::new(&state.sandbox.id, status));
            }
        }
        seen
    }

    /// The sandbox that counts.
    pub(crate) fn sandbox(&self) -> Option<&Sandbox> {
        self.sandboxes.last()
    }

    /// The sandbox that counts, if it is ready.
    pub(crate) fn ready_sandbox(&self) -> Option<&Sandbox> {
        self.sandbox().filter(|sandbox| sandbox.ready)
    }

    /// The container that counts.
    pub(crate) fn newest(&self, name: &str) -> Option<&Instance> {
        self.containers.get(name)?.last()
    }

    /// The container before the one that counts.
    pub(crate) fn previous(&self, name: &str) -> Option<&Instance> {
        self.containers.get(name)?.iter().rev().nth(1)
    }

    /// The container of that id, and its name.
    pub(crate) fn find(&self, id: &str) -> Option<(&str, &Instance)> {
        self.instances().find(|(_, instance)| instance.id == id)
    }

    /// All containers, with their names.
    pub(crate) fn instances(&self) -> impl Iterator<Item = (&str, &Instance)> {
        self.containers
            .iter()
            .flat_map(|(name, all)| all.iter().map(move |one| (name.as_str(), one)))
    }

    /// Adds a container, or replaces what was known of it unless that is newer: one that has ended never runs again.
    pub(crate) fn put(&mut self, name: &str, instance: Instance) {
        let all = self.containers.entry(name.to_owned()).or_default();
        match all.iter_mut().find(|known| known.id == instance.id) {
            Some(known) if known.exit().is_some() && instance.is_running() => {}
            Some(known) => *known = instance,
            None => {
                all.push(instance);
                all.sort_by_key(|one| one.attempt);
            }
        }
    }

    /// Forgets a container that was removed.
    pub(crate) fn remove(&mut self, id: &str) {
        for all in self.containers.values_mut() {
            all.retain(|one| one.id != id);
        }
        self.containers.retain(|_, all| !all.is_empty());
    }

    /// Forgets a sandbox that was removed, and its containers with it.
    pub(crate) fn remove_sandbox(&mut self, id: &str) {
        self.sandboxes.retain(|sandbox| sandbox.id != id);
        for all in self.containers.values_mut() {
            all.retain(|one| one.sandbox_id != id);
        }
        self.containers.retain(|_, all| !all.is_empty());
    }

    /// Adds a sandbox, or replaces what was known of it unless that is newer: one that has ended is never ready again.
    pub(crate) fn put_sandbox(&mut self, sandbox: Sandbox) {
        match self.sandboxes.iter_mut().find(|one| one.id == sandbox.id) {
            Some(known) if !known.ready && sandbox.ready => {}
            Some(known) => *known = sandbox,
            None => {
                self.sandboxes.push(sandbox);
                self.sandboxes.sort_by_key(|one| one.attempt);
            }
        }
    }
}

impl Instance {
    pub(crate) fn is_running(&self) -> bool {
        matches!(self.state, State::Running { .. })
    }

    /// When it started, if it has.
    pub(crate) fn started_at(&self) -> Option<Timestamp> {
        match &self.state {
            State::Created => None,
            State::Running { started_at } => Some(*started_at),
            State::Exited(exit) => exit.started_at,
        }
    }

    /// How it ended, if it has.
    pub(crate) fn exit(&self) -> Option<&Exit> {
        match &self.state {
            State::Exited(exit) => Some(exit),
            _ => None,
        }
    }
}
