//! Rules by their chains.

use std::collections::BTreeMap;

/// The tables that are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Table {
    Filter,
    Nat,
}

impl Table {
    pub(super) fn name(self) -> &'static str {
        match self {
            Table::Filter => "filter",
            Table::Nat => "nat",
        }
    }
}

/// Rules by chain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Chains(pub(super) BTreeMap<(Table, String), Vec<String>>);

impl Chains {
    /// Adds a rule, to be read after `-A CHAIN`.
    pub(super) fn add(&mut self, table: Table, chain: &str, rule: impl Into<String>) {
        let rules = self.0.entry((table, chain.to_owned())).or_default();
        rules.push(rule.into());
    }

    pub(super) fn has(&self, table: Table, chain: &str) -> bool {
        self.0.contains_key(&(table, chain.to_owned()))
    }
}
