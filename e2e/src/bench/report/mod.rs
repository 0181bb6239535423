//! What the benches found: rows of figures, printed as a table and written as JSON.

mod figure;
mod json;
mod row;
mod table;

use std::path::Path;

use anyhow::{Context, Result, ensure};

pub(super) use figure::{Target, Unit};
pub(super) use row::Row;

use super::options::Bench;
use super::{machine, tell};

/// All that was found, and what could not be.
#[derive(Debug)]
pub(super) struct Report {
    /// The benches that are asked for; none means all.
    wanted: Vec<Bench>,
    /// What the figures were taken on and with.
    circumstances: Vec<(&'static str, String)>,
    rows: Vec<(Bench, Row)>,
    failures: Vec<(Bench, anyhow::Error)>,
}

impl Report {
    /// A report of these benches on this machine, of all if none is named.
    pub(super) fn of(wanted: Vec<Bench>) -> Self {
        Self {
            wanted,
            circumstances: vec![
                ("machine", machine::describe()),
                ("client", machine::build().to_owned()),
            ],
            rows: Vec::new(),
            failures: Vec::new(),
        }
    }

    /// Adds a circumstance.
    pub(super) fn describe(&mut self, what: &'static str, how: String) {
        self.circumstances.push((what, how));
    }

    /// Whether there is more to do than these.
    pub(super) fn wants_other_than(&self, these: &[Bench]) -> bool {
        self.wanted.is_empty() || self.wanted.iter().any(|wanted| !these.contains(wanted))
    }

    /// Whether a bench is asked for.
    pub(super) fn wants(&self, bench: Bench) -> bool {
        self.wanted.is_empty() || self.wanted.contains(&bench)
    }

    /// Runs a bench, if it is asked for, and takes its rows or the reason why it has none.
    pub(super) fn take(&mut self, bench: Bench, measure: impl FnOnce() -> Result<Vec<Row>>) {
        if !self.wants(bench) {
            return;
        }
        match measure() {
            Ok(rows) => self.rows.extend(rows.into_iter().map(|row| (bench, row))),
            Err(error) => {
                tell(&format!("{} failed", bench.name()));
                self.failures.push((bench, error));
            }
        }
    }

    /// Prints the table.
    pub(super) fn print(&self) {
        for (what, how) in &self.circumstances {
            println!("{what}: {how}");
        }
        if !self.rows.is_empty() {
            print!("\n{}", table::of(self.rows.iter().map(|(_, row)| row)));
        }
        for (bench, error) in &self.failures {
            println!("\n{} could not be measured: {error:#}", bench.name());
        }
    }

    /// Writes everything to `file`, whose folder is made if it is missing.
    pub(super) fn write_json(&self, file: &Path) -> Result<()> {
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let text = serde_json::to_string_pretty(&self.to_json())? + "\n";
        std::fs::write(file, text).with_context(|| format!("write {}", file.display()))
    }

    /// Fails if a bench did.
    pub(super) fn failed(&self) -> Result<()> {
        let names: Vec<&str> = self
            .failures
            .iter()
            .map(|(bench, _)| bench.name())
            .collect();
        ensure!(names.is_empty(), "could not measure: {}", names.join(", "));
        Ok(())
    }
}
