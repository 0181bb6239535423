//! The difference of two sets of rules as one nft transaction: pure.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::rules::{Container, Rules, Turn};

/// The script that leads from `old` to `new`; empty if they are equal.
///
/// The order within the transaction: what is to be referred to comes first, what is no longer referred to goes last.
pub(crate) fn script(old: &Rules, new: &Rules) -> String {
    let mut script = String::new();
    for turn in new.turns.difference(&old.turns) {
        add_turn(&mut script, turn);
    }
    let gone = old
        .elements
        .iter()
        .filter(|(key, value)| new.elements.get(key) != Some(value));
    elements(
        &mut script,
        "delete",
        gone.map(|((container, key), _)| (*container, key.clone())),
    );
    let fresh = new
        .elements
        .iter()
        .filter(|(key, value)| old.elements.get(key) != Some(value));
    elements(
        &mut script,
        "add",
        fresh.map(|((container, key), value)| (*container, entry(key, value))),
    );
    for turn in old.turns.difference(&new.turns) {
        let name = turn.name();
        let _ = writeln!(
            script,
            "flush chain ip skiff {name}\ndelete chain ip skiff {name}"
        );
    }
    script
}

fn add_turn(script: &mut String, turn: &Turn) {
    let name = turn.name();
    let _ = writeln!(script, "add chain ip skiff {name}");
    let _ = writeln!(script, "add rule ip skiff {name} {}", turn.rule());
}

fn entry(key: &str, value: &str) -> String {
    if value.is_empty() {
        key.to_owned()
    } else {
        format!("{key} : {value}")
    }
}

fn elements(script: &mut String, verb: &str, entries: impl Iterator<Item = (Container, String)>) {
    let mut by_container: BTreeMap<Container, Vec<String>> = BTreeMap::new();
    for (container, entry) in entries {
        by_container.entry(container).or_default().push(entry);
    }
    for (container, entries) in by_container {
        let _ = writeln!(
            script,
            "{verb} element ip skiff {} {{ {} }}",
            container.name(),
            entries.join(", ")
        );
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::model::{Model, NodePort, Protocol, ServicePort};

    fn web(endpoints: &[&str], node_port: Option<u16>) -> Model {
        let endpoints: BTreeSet<_> = endpoints
            .iter()
            .map(|at| at.parse().expect("an address"))
            .collect();
        Model {
            ports: vec![ServicePort {
                name: "default/web:http".to_owned(),
                protocol: Protocol::Tcp,
                cluster_ip: [10, 96, 0, 5].into(),
                port: 80,
                node_port: node_port.map(|port| NodePort {
                    port,
                    endpoints: endpoints.clone(),
                    keeps_source: false,
                }),
                affinity_seconds: None,
                endpoints,
                draining: BTreeSet::new(),
            }],
        }
    }

    fn between(old: &Model, new: &Model) -> String {
        // The lane is a hash: as good as any other number.
        let text = script(&Rules::translating(old), &Rules::translating(new));
        let lane = Rules::translating(new)
            .turns
            .iter()
            .chain(&Rules::translating(old).turns)
            .next()
            .map(|turn| turn.lane);
        lane.map_or(text.clone(), |lane| text.replace(&format!("_{lane}"), "_L"))
    }

    #[test]
    fn a_new_service_gets_a_turn_and_its_elements() {
        insta::assert_snapshot!(between(
            &Model::default(),
            &web(&["10.244.0.2:8080", "10.244.0.3:8080"], Some(30002))
        ));
    }

    #[test]
    fn an_endpoint_that_goes_changes_what_must_change() {
        let (two, one) = (
            web(&["10.244.0.2:8080", "10.244.0.3:8080"], None),
            web(&["10.244.0.3:8080"], None),
        );
        insta::assert_snapshot!(between(&two, &one));
    }

    #[test]
    fn a_service_without_endpoints_refuses_on_its_node_port() {
        insta::assert_snapshot!(between(&Model::default(), &web(&[], Some(30002))));
    }

    #[test]
    fn no_change_is_no_script() {
        let model = web(&["10.244.0.2:8080"], Some(30002));
        assert_eq!(between(&model, &model), "");
    }
}
