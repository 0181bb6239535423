//! The difference of two sets of chains as input of iptables-restore: pure.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::rules::{Chains, Table};

/// In the comment of each rule by which the kernel's own chains lead to ours: it tells them from those of a kube-proxy.
pub(super) const PORTALS: &str = "skiff service portals";

/// Where the kernel's own chains lead to ours, and when.
const JUMPS: &[(Table, &str, &str, &str)] = &[
    (Table::Nat, "PREROUTING", "", "KUBE-SERVICES"),
    (Table::Nat, "OUTPUT", "", "KUBE-SERVICES"),
    (Table::Nat, "POSTROUTING", "", "KUBE-POSTROUTING"),
    (Table::Filter, "INPUT", "", "KUBE-FIREWALL"),
    (Table::Filter, "OUTPUT", "", "KUBE-FIREWALL"),
    (Table::Filter, "FORWARD", "", "KUBE-FORWARD"),
    (Table::Filter, "INPUT", NEW, "KUBE-PROXY-FIREWALL"),
    (Table::Filter, "FORWARD", NEW, "KUBE-PROXY-FIREWALL"),
    (Table::Filter, "INPUT", NEW, "KUBE-SERVICES"),
    (Table::Filter, "FORWARD", NEW, "KUBE-SERVICES"),
    (Table::Filter, "OUTPUT", NEW, "KUBE-SERVICES"),
];
const NEW: &str = "-m conntrack --ctstate NEW ";

/// What of ours iptables-save shows.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    chains: BTreeSet<(Table, String)>,
    /// Rules to be taken out of the kernel's own chains, to be read after `-D`.
    jumps: Vec<(Table, String)>,
}

impl Seen {
    /// Reads what iptables-save prints.
    pub(super) fn read(saved: &str) -> Self {
        let mut seen = Self::default();
        let mut table = None;
        for line in saved.lines() {
            match line.strip_prefix('*') {
                Some("nat") => table = Some(Table::Nat),
                Some("filter") => table = Some(Table::Filter),
                Some(_) => table = None,
                None => {}
            }
            let Some(table) = table else {
                continue;
            };
            let chain = line
                .strip_prefix(':')
                .and_then(|rest| rest.split(' ').next());
            if let Some(chain) = chain.filter(|chain| chain.starts_with("KUBE-")) {
                seen.chains.insert((table, chain.to_owned()));
            }
            let rule = line
                .strip_prefix("-A ")
                .filter(|rule| rule.contains(PORTALS));
            if let Some(rule) = rule {
                seen.jumps.push((table, rule.to_owned()));
            }
        }
        seen
    }
}

/// The input that leads from `old` to `new`; empty if they are equal. With `seen` nothing else is known, and what is
/// there goes.
pub(super) fn restore(old: &Chains, new: &Chains, seen: Option<&Seen>) -> String {
    let texts = [Table::Filter, Table::Nat].map(|table| of_table(table, old, new, seen));
    texts.concat()
}

/// The input that takes all of ours away.
pub(super) fn removal(seen: &Seen) -> String {
    let texts = [Table::Filter, Table::Nat].map(|table| {
        let mut text = String::new();
        let gone: Vec<&str> = names(&seen.chains, table).collect();
        gone.iter().for_each(|chain| declare(&mut text, chain));
        unjump(&mut text, table, seen);
        gone.iter().for_each(|chain| remove(&mut text, chain));
        framed(table, &text)
    });
    texts.concat()
}

fn of_table(table: Table, old: &Chains, new: &Chains, seen: Option<&Seen>) -> String {
    let known = BTreeSet::from_iter(old.0.keys().cloned());
    let there = seen.map_or(&known, |seen| &seen.chains);
    let changed = new
        .0
        .iter()
        .filter(|(key, rules)| key.0 == table && old.0.get(*key) != Some(*rules));
    let gone: Vec<&str> = names(there, table)
        .filter(|chain| !new.has(table, chain))
        .collect();
    let mut text = String::new();
    for ((_, chain), _) in changed.clone() {
        declare(&mut text, chain);
    }
    gone.iter().for_each(|chain| declare(&mut text, chain));
    for ((_, chain), rules) in changed {
        for rule in rules {
            let _ = writeln!(text, "-A {chain} {rule}");
        }
    }
    if let Some(seen) = seen {
        unjump(&mut text, table, seen);
        let jumps = JUMPS.iter().rev().filter(|jump| jump.0 == table);
        for (_, from, when, to) in jumps {
            let comment = format!("-m comment --comment \"{PORTALS}\"");
            let _ = writeln!(text, "-I {from} {when}{comment} -j {to}");
        }
    }
    gone.iter().for_each(|chain| remove(&mut text, chain));
    framed(table, &text)
}

fn names(chains: &BTreeSet<(Table, String)>, table: Table) -> impl Iterator<Item = &str> {
    chains
        .iter()
        .filter(move |(of, _)| *of == table)
        .map(|(_, name)| name.as_str())
}

/// Makes a chain, or empties it.
fn declare(text: &mut String, chain: &str) {
    let _ = writeln!(text, ":{chain} - [0:0]");
}

fn remove(text: &mut String, chain: &str) {
    let _ = writeln!(text, "-X {chain}");
}

fn unjump(text: &mut String, table: Table, seen: &Seen) {
    for (_, rule) in seen.jumps.iter().filter(|(of, _)| *of == table) {
        let _ = writeln!(text, "-D {rule}");
    }
}

fn framed(table: Table, text: &str) -> String {
    match text.is_empty() {
        true => String::new(),
        false => format!("*{}\n{text}COMMIT\n", table.name()),
    }
}
