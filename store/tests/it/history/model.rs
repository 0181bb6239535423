//! The model: a map, and a list of all that happened.

use std::collections::BTreeMap;

use super::{Guard, HISTORY, KEYS, Write};

/// What stands under a key: value, revision, created.
pub(super) type Standing = (String, u64, u64);

#[derive(Default)]
pub(super) struct Model {
    pub(super) table: BTreeMap<&'static str, Standing>,
    /// Every change there ever was: its revision, its key, and its line.
    log: Vec<(u64, &'static str, String)>,
    /// The table after each revision.
    tables: BTreeMap<u64, BTreeMap<&'static str, Standing>>,
    pub(super) oldest: u64,
}

impl Model {
    /// Of an empty store that stands at a revision.
    pub(super) fn new(oldest: u64) -> Self {
        Self {
            oldest,
            ..Self::default()
        }
    }

    fn holds(&self, write: &Write) -> bool {
        let standing = self.table.get(KEYS[write.key]);
        match write.guard {
            Guard::None => true,
            Guard::Absent => standing.is_none(),
            Guard::Present => standing.is_some(),
            Guard::At(off) => off == 0 && standing.is_some(),
        }
    }

    pub(super) fn accepts(&self, writes: &[Write]) -> bool {
        writes.iter().all(|write| {
            let there = self.table.contains_key(KEYS[write.key]);
            self.holds(write) && (there || write.size.is_some())
        })
    }

    pub(super) fn commit(&mut self, writes: &[Write], revision: u64) {
        let mut writes = writes.to_vec();
        writes.sort_by_key(|write| KEYS[write.key]);
        for write in writes {
            let key = KEYS[write.key];
            let was = self.table.get(key).cloned();
            let was_line = was
                .as_ref()
                .map_or(String::new(), |w| format!(" was {}", w.1));
            let line = match write.size {
                Some(size) => {
                    let value = format!("<{revision}>{}", "x".repeat(size));
                    let created = was.map_or(revision, |was| was.2);
                    let line = format!("put {key}={value}@{revision}{was_line}");
                    self.table.insert(key, (value, revision, created));
                    line
                }
                None => {
                    self.table.remove(key);
                    format!("delete {key}@{revision}{was_line}")
                }
            };
            self.log.push((revision, key, line));
        }
        self.tables.insert(revision, self.table.clone());
        while self.held().count() > HISTORY {
            let first = self.held().map(|change| change.0).next();
            self.oldest = first.unwrap();
        }
    }

    pub(super) fn held(&self) -> impl Iterator<Item = &(u64, &'static str, String)> {
        let oldest = self.oldest;
        self.log.iter().filter(move |change| change.0 > oldest)
    }

    pub(super) fn after(&self, prefix: &str, after: u64) -> Vec<String> {
        let wanted =
            |change: &&(u64, &str, String)| change.0 > after && change.1.starts_with(prefix);
        self.log
            .iter()
            .filter(wanted)
            .map(|c| c.2.clone())
            .collect()
    }

    pub(super) fn table_at(&self, revision: u64) -> BTreeMap<&'static str, Standing> {
        let newest = self.tables.range(..=revision).next_back();
        newest.map(|(_, table)| table.clone()).unwrap_or_default()
    }
}
