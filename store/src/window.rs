//! The window: the recent changes, from which watches replay and old snapshots are made.

use std::{collections::VecDeque, sync::Arc};

use crate::{Change, History, Revision};

/// The changes after a revision, bounded in number and weight.
#[derive(Debug)]
pub(crate) struct Window {
    bounds: History,
    /// Every change after this revision is here.
    oldest: Revision,
    changes: VecDeque<Arc<Change>>,
    bytes: usize,
}

impl Window {
    pub(crate) fn new(oldest: Revision, bounds: History) -> Self {
        Self {
            bounds,
            oldest,
            changes: VecDeque::new(),
            bytes: 0,
        }
    }

    pub(crate) fn oldest(&self) -> Revision {
        self.oldest
    }

    pub(crate) fn changes(&self) -> &VecDeque<Arc<Change>> {
        &self.changes
    }

    pub(crate) fn push(&mut self, change: Arc<Change>) {
        self.bytes += change.weight_bytes();
        self.changes.push_back(change);
    }

    /// The changes after a revision, which must not be older than [`Window::oldest`].
    pub(crate) fn after(
        &self,
        revision: Revision,
    ) -> impl DoubleEndedIterator<Item = &Arc<Change>> {
        let from = self
            .changes
            .partition_point(|change| change.revision() <= revision);
        self.changes.range(from..)
    }

    /// Lets the oldest commits go until the bounds hold, and returns their changes.
    pub(crate) fn trim(&mut self) -> Vec<Arc<Change>> {
        let (mut count, mut bytes) = (self.changes.len(), self.bytes);
        let mut up_to = None;
        for change in &self.changes {
            if count <= self.bounds.changes && bytes <= self.bounds.bytes {
                break;
            }
            count -= 1;
            bytes -= change.weight_bytes();
            up_to = Some(change.revision());
        }
        up_to.map_or_else(Vec::new, |up_to| self.forget(up_to))
    }

    /// Lets every change up to a revision go, and returns them.
    pub(crate) fn forget(&mut self, up_to: Revision) -> Vec<Arc<Change>> {
        let count = self
            .changes
            .partition_point(|change| change.revision() <= up_to);
        let gone: Vec<_> = self.changes.drain(..count).collect();
        self.bytes -= gone.iter().map(|c| c.weight_bytes()).sum::<usize>();
        self.oldest = self.oldest.max(up_to);
        gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Entry, Key, Value};

    fn window(bounds: History, revisions: &[u64]) -> Window {
        let mut window = Window::new(Revision(1), bounds);
        for revision in revisions {
            let revision = Revision(*revision);
            let value = Value::plain(vec![0; 1000]);
            let entry = Entry::new(Key::new("/k").unwrap(), &value, revision, revision);
            let previous = None;
            window.push(Arc::new(Change::Put { entry, previous }));
        }
        window
    }

    fn revisions<'a>(changes: impl Iterator<Item = &'a Arc<Change>>) -> Vec<u64> {
        changes.map(|change| change.revision().0).collect()
    }

    /// Bounds in changes and bytes; the revisions pushed and kept; the oldest.
    type Case = (usize, usize, &'static [u64], &'static [u64], u64);

    #[test]
    fn whole_commits_go_until_the_bounds_hold() {
        let many = usize::MAX;
        let cases: &[Case] = &[
            (3, many, &[2, 3, 4], &[2, 3, 4], 1),
            (2, many, &[2, 3, 4], &[3, 4], 2),
            (2, many, &[2, 2, 2, 3], &[3], 2),
            (2, many, &[2, 2, 2], &[], 2),
            (9, 2600, &[2, 3, 4, 7], &[4, 7], 3),
            (9, 100, &[2], &[], 2),
        ];
        for &(changes, bytes, pushed, kept, oldest) in cases {
            let mut window = window(History { changes, bytes }, pushed);
            let gone = window.trim();
            assert_eq!(revisions(window.after(Revision::ZERO)), kept, "{pushed:?}");
            assert_eq!(window.oldest(), Revision(oldest), "{pushed:?}");
            assert_eq!(gone.len() + kept.len(), pushed.len());
        }
    }

    #[test]
    fn a_replay_starts_behind_its_revision() {
        let window = window(History::default(), &[2, 4, 4, 5]);
        assert_eq!(revisions(window.after(Revision(1))), [2, 4, 4, 5]);
        assert_eq!(revisions(window.after(Revision(3))), [4, 4, 5]);
        assert_eq!(revisions(window.after(Revision(4))), [5]);
        assert!(revisions(window.after(Revision(9))).is_empty());
    }
}
