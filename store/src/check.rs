//! The check: whether what is in memory is what the stored log says.

use crate::{
    CheckError, History, Position, Record, Revision, Snapshot, hub::Hub, replay::replay,
    window::Window,
};

/// What a check that found nothing wrong has looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckReport {
    /// The newest revision.
    pub revision: Revision,
    /// The oldest revision that can be read at and watched after.
    pub oldest: Revision,
    /// How many keys there are.
    pub keys: usize,
    /// How many changes are in the window.
    pub changes: usize,
    /// How many bytes all live values have.
    pub bytes: usize,
}

/// Replays the stored log, by which its own rules are checked, and compares the outcome with what readers see.
pub(crate) fn check(
    records: Vec<Record>,
    position: Position,
    hub: &Hub,
) -> Result<CheckReport, CheckError> {
    // Nothing is to be trimmed while comparing.
    let bounds = History {
        changes: usize::MAX,
        bytes: usize::MAX,
    };
    let stored =
        replay(records, position, bounds).map_err(|source| CheckError::Damaged { source })?;
    hub.inspect(|snapshot, window| compare(&stored, snapshot, window))
}

fn compare(
    (stored, history): &(Snapshot, Window),
    snapshot: &Snapshot,
    window: &Window,
) -> Result<CheckReport, CheckError> {
    let same = [
        ("the revision", stored.revision == snapshot.revision),
        ("the table", stored.same_entries(snapshot)),
        ("the window's start", history.oldest() == window.oldest()),
        ("the window", history.changes() == window.changes()),
        ("an undone table", undoes(history, stored)),
    ];
    if let Some((what, _)) = same.iter().find(|(_, same)| !same) {
        return Err(CheckError::Differs { what });
    }
    Ok(CheckReport {
        revision: snapshot.revision,
        oldest: window.oldest(),
        keys: snapshot.len(),
        changes: window.changes().len(),
        bytes: snapshot
            .range("", None)
            .map(|entry| entry.value.len())
            .sum(),
    })
}

/// Whether taking back the whole window leaves a table that has nothing newer than the window's start.
fn undoes(window: &Window, table: &Snapshot) -> bool {
    let mut table = table.clone();
    for change in window.changes().iter().rev() {
        table.undo(change);
    }
    table
        .range("", None)
        .all(|entry| entry.revision <= window.oldest())
}
