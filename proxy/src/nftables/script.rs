//! A difference as one nft transaction: pure.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::items::{Container, Content, Item, Part, Value};
use super::ledger::Difference;
use crate::netfilter::Element;

/// The script that makes the difference; empty if there is none.
///
/// The order within the transaction: what is to be referred to comes first, what is no longer referred to goes last.
pub(super) fn script(table: &str, difference: &Difference) -> String {
    let mut script = Script {
        table,
        text: String::new(),
    };
    script.declare(difference);
    script.fill(difference);
    script.elements(difference);
    script.drop_gone(difference);
    script.text
}

/// More elements are quicker by script.
const FEW: usize = 512;

/// The elements that make the difference, those that go first; nothing if it is more than a few elements.
pub(super) fn elements_alone(difference: &Difference) -> Option<Vec<Element>> {
    let (mut gone, mut fresh) = (Vec::new(), Vec::new());
    for (item, (was, is)) in &difference.0 {
        let Item::Element(container, key) = item else {
            return None;
        };
        let element = |data| Element {
            set: container.name(),
            key: key.iter().flat_map(|part| part.bytes()).collect(),
            data,
        };
        gone.extend(was.is_some().then(|| element(None)));
        if let Some(Content::Element(value)) = is {
            fresh.push(element(Some(value.data())));
        }
    }
    gone.append(&mut fresh);
    (gone.len() <= FEW).then_some(gone)
}

struct Script<'a> {
    table: &'a str,
    text: String,
}

impl Script<'_> {
    fn line(&mut self, words: std::fmt::Arguments<'_>) {
        let _ = writeln!(self.text, "{words}");
    }

    fn declare(&mut self, difference: &Difference) {
        let table = self.table;
        for (item, states) in &difference.0 {
            match (item, states) {
                (Item::Set(name), (None, Some(Content::Set(declaration)))) => {
                    self.line(format_args!(
                        "add set ip {table} {name} {{ {declaration} }}"
                    ));
                }
                (Item::Chain(name), (None, Some(_))) => {
                    self.line(format_args!("add chain ip {table} {name}"));
                }
                (Item::Chain(name), (Some(_), Some(_))) => {
                    self.line(format_args!("flush chain ip {table} {name}"));
                }
                _ => {}
            }
        }
    }

    fn fill(&mut self, difference: &Difference) {
        let table = self.table;
        for (item, states) in &difference.0 {
            if let (Item::Chain(name), (_, Some(Content::Chain(rules)))) = (item, states) {
                for rule in rules {
                    self.line(format_args!("add rule ip {table} {name} {rule}"));
                }
            }
        }
    }

    fn elements(&mut self, difference: &Difference) {
        let (mut gone, mut fresh) = (BTreeMap::new(), BTreeMap::new());
        for (item, (was, is)) in &difference.0 {
            let Item::Element(container, key) = item else {
                continue;
            };
            if was.is_some() {
                let entries: &mut Vec<String> = gone.entry(*container).or_default();
                entries.push(joined(key));
            }
            if let Some(Content::Element(value)) = is {
                let entries: &mut Vec<String> = fresh.entry(*container).or_default();
                entries.push(entry(key, value));
            }
        }
        self.change("delete", gone);
        self.change("add", fresh);
    }

    fn change(&mut self, verb: &str, by_container: BTreeMap<Container, Vec<String>>) {
        let table = self.table;
        for (container, entries) in by_container {
            let (name, entries) = (container.name(), entries.join(", "));
            self.line(format_args!(
                "{verb} element ip {table} {name} {{ {entries} }}"
            ));
        }
    }

    fn drop_gone(&mut self, difference: &Difference) {
        let table = self.table;
        let gone = || {
            let all = difference.0.iter();
            all.filter(|(_, (_, is))| is.is_none())
                .map(|(item, _)| item)
        };
        let chains = || {
            gone().filter_map(|item| match item {
                Item::Chain(name) => Some(name),
                _ => None,
            })
        };
        // They may refer to each other.
        for name in chains() {
            self.line(format_args!("flush chain ip {table} {name}"));
        }
        for name in chains() {
            self.line(format_args!("delete chain ip {table} {name}"));
        }
        for item in gone() {
            if let Item::Set(name) = item {
                self.line(format_args!("delete set ip {table} {name}"));
            }
        }
    }
}

fn entry(key: &[Part], value: &Value) -> String {
    match value {
        Value::Nothing => joined(key),
        value => format!("{} : {value}", joined(key)),
    }
}

fn joined(key: &[Part]) -> String {
    let parts: Vec<String> = key.iter().map(ToString::to_string).collect();
    parts.join(" . ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ServicePort;
    use crate::model::testing::{web, web_on};
    use crate::nftables::items::Rules;
    use crate::nftables::ledger::Ledger;
    use crate::nftables::rules::{lane, translating};

    fn exactly(old: &[ServicePort], new: &[ServicePort]) -> String {
        let mut ledger = Ledger::default();
        ledger.step([(Rules::default(), translating(old))]);
        script(
            "skiff",
            &ledger.step([(translating(old), translating(new))]),
        )
    }

    fn between(old: &[ServicePort], new: &[ServicePort]) -> String {
        // The lane is a hash: as good as any other number.
        exactly(old, new).replace(&format!("_{}", lane("default/web:")), "_L")
    }

    #[test]
    fn a_new_service_gets_a_turn_and_its_elements() {
        let port = web_on(30002, &["10.244.0.2:8080", "10.244.0.3:8080"]);
        insta::assert_snapshot!(between(&[], &[port]));
    }

    #[test]
    fn an_endpoint_that_goes_changes_what_must_change() {
        let (two, one) = (
            web(&["10.244.0.2:8080", "10.244.0.3:8080"]),
            web(&["10.244.0.3:8080"]),
        );
        insta::assert_snapshot!(between(&[two], &[one]));
    }

    #[test]
    fn a_service_without_endpoints_refuses_on_its_node_port() {
        insta::assert_snapshot!(between(&[], &[web_on(30002, &[])]));
    }

    #[test]
    fn affinity_has_chains_and_sets_of_its_own_which_go_with_it() {
        let mut sticky = web(&["10.244.0.2:8080", "10.244.0.3:8080"]);
        sticky.affinity_seconds = Some(600);
        let sticky = [sticky];
        insta::assert_snapshot!(exactly(&[], &sticky) + "\n" + &exactly(&sticky, &[]));
    }

    #[test]
    fn no_change_is_no_script() {
        let port = [web_on(30002, &["10.244.0.2:8080"])];
        assert_eq!(between(&port, &port), "");
    }
}
