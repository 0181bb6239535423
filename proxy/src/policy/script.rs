//! The difference of two contents as one nft transaction: pure.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::content::{Content, EGRESS, INGRESS, Set, THEMSELVES};

/// The table's name.
const TABLE: &str = "skiff-policy";

/// The table without any policy; replaces whatever there was.
pub(super) fn base() -> String {
    // Before the masquerading, which hides the sender.
    let judge = format!(
        "type filter hook postrouting priority filter; policy accept; \
         ct state established,related accept; \
         fib saddr type local accept; \
         ip saddr . ip daddr @{THEMSELVES} accept; \
         ip saddr vmap @{EGRESS}; \
         ip daddr vmap @{INGRESS};"
    );
    let maps = [INGRESS, EGRESS]
        .map(|map| format!("add map ip {TABLE} {map} {{ type ipv4_addr : verdict; }}\n"));
    format!(
        "{}add table ip {TABLE}\n{}\
         add set ip {TABLE} {THEMSELVES} {{ type ipv4_addr . ipv4_addr; }}\n\
         table ip {TABLE} {{ chain postrouting {{ {judge} }}; }}\n",
        removal(),
        maps.concat()
    )
}

/// Takes the table away, whether it was there or not.
pub(crate) fn removal() -> String {
    format!("add table ip {TABLE}\ndelete table ip {TABLE}\n")
}

/// The script that leads from `old` to `new`; empty if they are equal.
///
/// The order within the transaction: what is to be referred to comes first, what is no longer referred to goes last.
pub(super) fn script(old: &Content, new: &Content) -> String {
    let mut text = String::new();
    let is_base = |name: &&String| [INGRESS, EGRESS, THEMSELVES].contains(&name.as_str());
    for (name, set) in &new.sets {
        if !old.sets.contains_key(name) && !is_base(&name) {
            let (kind, declaration) = &set.declaration;
            let _ = writeln!(text, "add {kind} ip {TABLE} {name} {{ {declaration}; }}");
        }
    }
    let changed = || {
        new.chains
            .iter()
            .filter(|(name, rules)| old.chains.get(*name) != Some(*rules))
    };
    for (name, _) in changed() {
        // An empty chain stays as it is when it is added again.
        let _ = writeln!(
            text,
            "add chain ip {TABLE} {name}\nflush chain ip {TABLE} {name}"
        );
    }
    for (name, rules) in changed() {
        for rule in rules {
            let _ = writeln!(text, "add rule ip {TABLE} {name} {rule}");
        }
    }
    elements(&mut text, "delete", &old.sets, &new.sets, |key, _| {
        key.to_owned()
    });
    elements(&mut text, "add", &new.sets, &old.sets, entry);
    for name in old
        .chains
        .keys()
        .filter(|name| !new.chains.contains_key(*name))
    {
        let _ = writeln!(
            text,
            "flush chain ip {TABLE} {name}\ndelete chain ip {TABLE} {name}"
        );
    }
    for name in old
        .sets
        .keys()
        .filter(|name| !new.sets.contains_key(*name) && !is_base(name))
    {
        let kind = old.sets[name].declaration.0;
        let _ = writeln!(text, "delete {kind} ip {TABLE} {name}");
    }
    text
}

/// The elements that `these` have and `those` have not.
fn elements(
    text: &mut String,
    verb: &str,
    these: &BTreeMap<String, Set>,
    those: &BTreeMap<String, Set>,
    shown: impl Fn(&str, &str) -> String,
) {
    for (name, set) in these {
        let other = those.get(name).map(|set| &set.elements);
        let differ = set
            .elements
            .iter()
            .filter(|(key, value)| other.and_then(|other| other.get(*key)) != Some(*value));
        let entries: Vec<String> = differ.map(|(key, value)| shown(key, value)).collect();
        if !entries.is_empty() {
            let entries = entries.join(", ");
            let _ = writeln!(text, "{verb} element ip {TABLE} {name} {{ {entries} }}");
        }
    }
}

fn entry(key: &str, value: &str) -> String {
    match value.is_empty() {
        true => key.to_owned(),
        false => format!("{key} : {value}"),
    }
}
