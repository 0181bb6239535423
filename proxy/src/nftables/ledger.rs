//! What a table holds for many Services together: pure.
//!
//! Services share turn chains, and two may claim the same address: an item stays until the last of its owners is gone.

use std::collections::{BTreeMap, HashMap};

use super::items::{Content, Item, Rules};

/// Items with the contents that were put for them, and how often each.
#[derive(Debug, Default)]
pub(super) struct Ledger(HashMap<Item, Vec<(Content, u32)>>);

/// The items that differ, each as it was and as it is.
#[derive(Debug, Default)]
pub(super) struct Difference(pub(super) BTreeMap<Item, (Option<Content>, Option<Content>)>);

impl Ledger {
    /// Replaces each first by its second.
    pub(super) fn step(&mut self, changes: impl IntoIterator<Item = (Rules, Rules)>) -> Difference {
        let mut difference = Difference::default();
        for (old, new) in changes {
            for (item, content) in &old.0 {
                if new.0.get(item) != Some(content) {
                    self.note(&mut difference, item);
                    self.remove(item, content);
                }
            }
            for (item, content) in new.0 {
                if old.0.get(&item) != Some(&content) {
                    self.note(&mut difference, &item);
                    self.add(item, content);
                }
            }
        }
        difference.0.retain(|item, (was, is)| {
            *is = self.shown(item).cloned();
            was != is
        });
        difference
    }

    fn note(&self, difference: &mut Difference, item: &Item) {
        if !difference.0.contains_key(item) {
            let was = self.shown(item).cloned();
            difference.0.insert(item.clone(), (was, None));
        }
    }

    /// Of several contents the least counts, whoever came first.
    fn shown(&self, item: &Item) -> Option<&Content> {
        self.0.get(item)?.iter().map(|(content, _)| content).min()
    }

    fn add(&mut self, item: Item, content: Content) {
        let contents = self.0.entry(item).or_default();
        match contents.iter_mut().find(|(has, _)| *has == content) {
            Some((_, count)) => *count += 1,
            None => contents.push((content, 1)),
        }
    }

    fn remove(&mut self, item: &Item, content: &Content) {
        let Some(contents) = self.0.get_mut(item) else {
            return;
        };
        if let Some((_, count)) = contents.iter_mut().find(|(has, _)| has == content) {
            *count -= 1;
        }
        contents.retain(|(_, count)| *count > 0);
        if contents.is_empty() {
            self.0.remove(item);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nftables::items::{Container, Part, Value};

    fn rules(port: u16, chain: &str) -> Rules {
        let mut rules = Rules::default();
        rules.chain("shared", vec!["accept".to_owned()]);
        let value = Value::Goto(chain.to_owned());
        rules.put(Container::NodePorts, [Part::Port(port)], value);
        rules
    }

    fn changed(difference: &Difference) -> Vec<String> {
        let shown = difference.0.iter().map(|(item, (was, is))| {
            let item = match item {
                Item::Element(_, key) => format!("{key:?}"),
                Item::Chain(name) | Item::Set(name) => name.clone(),
            };
            let sign = match (was, is) {
                (None, _) => "+",
                (_, None) => "-",
                _ => "~",
            };
            format!("{sign}{item}")
        });
        shown.collect()
    }

    #[test]
    fn an_item_stays_until_its_last_owner_goes() {
        let (mut ledger, none) = (Ledger::default(), Rules::default);
        let (one, two, same) = (rules(1, "a"), rules(2, "a"), rules(1, "b"));
        let steps: [((Rules, Rules), &[&str]); 7] = [
            ((none(), one.clone()), &["+shared", "+[Port(1)]"]),
            ((none(), two.clone()), &["+[Port(2)]"]),
            ((none(), same.clone()), &[]),
            ((two.clone(), two.clone()), &[]),
            ((one.clone(), none()), &["~[Port(1)]"]),
            ((two, none()), &["-[Port(2)]"]),
            ((same, none()), &["-shared", "-[Port(1)]"]),
        ];
        for (number, (step, expected)) in steps.into_iter().enumerate() {
            assert_eq!(changed(&ledger.step([step])), expected, "step {number}");
        }
        assert!(ledger.0.is_empty());
    }
}
