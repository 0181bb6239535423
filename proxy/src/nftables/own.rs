//! Which changes of the kernel's rules are skiff's own.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;

/// More loads than can be under way before the kernel's news of them are read.
const REMEMBERED: usize = 64;

/// The processes that skiff loads rules with: the kernel names them as the authors of changes. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Own(Arc<Mutex<VecDeque<u32>>>);

impl Own {
    /// A process that is about to change rules.
    pub(crate) fn add(&self, process: u32) {
        let mut processes = self.0.lock();
        if processes.len() == REMEMBERED {
            processes.pop_front();
        }
        processes.push_back(process);
    }

    pub(crate) fn has(&self, process: u32) -> bool {
        self.0.lock().contains(&process)
    }
}
