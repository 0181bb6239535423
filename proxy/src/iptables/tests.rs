use super::*;
use crate::model::ServicePort;
use crate::model::testing::{model, web, web_on};
use rules::Table;

fn ranges() -> Ranges {
    Ranges {
        node: [192, 0, 2, 1].into(),
        cluster: "10.244.0.0/16".parse().expect("a range"),
        services: vec!["10.96.0.0/12".parse().expect("a range")],
        node_ports: Vec::new(),
    }
}

fn rules_of(port: ServicePort, prefix: &str) -> Vec<String> {
    let chains = chains(&model(port), &ranges());
    let found = chains
        .0
        .iter()
        .find(|((table, name), _)| *table == Table::Nat && name.starts_with(prefix));
    found.map(|(_, rules)| rules.clone()).unwrap_or_default()
}

/// Rules without the names' hashes.
fn shown(rules: &[String]) -> Vec<String> {
    let word = |word: &str| match word
        .strip_prefix("KUBE-")
        .and_then(|rest| rest.split_once('-'))
    {
        Some((kind @ ("SVC" | "SVL" | "SEP" | "EXT"), _)) => format!("KUBE-{kind}"),
        _ => word.to_owned(),
    };
    let line = |rule: &String| rule.split(' ').map(word).collect::<Vec<_>>().join(" ");
    rules.iter().map(line).collect()
}

#[test]
fn every_endpoint_gets_its_random_share() {
    let three = web(&["10.244.0.2:80", "10.244.0.3:80", "10.244.0.4:80"]);
    assert_eq!(
        shown(&rules_of(three, "KUBE-SVC-")),
        [
            "-m statistic --mode random --probability 0.3333333333 -j KUBE-SEP",
            "-m statistic --mode random --probability 0.5000000000 -j KUBE-SEP",
            "-j KUBE-SEP",
        ]
    );
    assert_eq!(
        rules_of(web(&["10.244.0.2:80"]), "KUBE-SEP-"),
        [
            "-s 10.244.0.2/32 -j KUBE-MARK-MASQ",
            "-p tcp -m tcp -j DNAT --to-destination 10.244.0.2:80"
        ]
    );
}

#[test]
fn a_client_with_affinity_is_remembered() {
    let mut sticky = web(&["10.244.0.2:80"]);
    sticky.affinity_seconds = Some(600);
    assert_eq!(
        shown(&rules_of(sticky, "KUBE-SVC-")),
        [
            "-m recent --name KUBE-SEP --rcheck --seconds 600 --reap -j KUBE-SEP",
            "-j KUBE-SEP"
        ]
    );
}

#[test]
fn local_endpoints_serve_those_outside_and_all_those_inside() {
    let mut local = web_on(30002, &["10.244.0.2:80", "10.244.1.2:80"]);
    local.external.keeps_source = true;
    local.external.endpoints.pop_last();
    assert_eq!(
        shown(&rules_of(local.clone(), "KUBE-EXT-")),
        [
            "-s 10.244.0.0/16 -j KUBE-SVC",
            "-m addrtype --src-type LOCAL -j KUBE-MARK-MASQ",
            "-m addrtype --src-type LOCAL -j KUBE-SVC",
            "-j KUBE-SVL",
        ]
    );
    assert_eq!(shown(&rules_of(local, "KUBE-SVL-")), ["-j KUBE-SEP"]);
    let everywhere = web_on(30002, &["10.244.0.2:80"]);
    assert_eq!(
        shown(&rules_of(everywhere, "KUBE-EXT-")),
        ["-j KUBE-MARK-MASQ", "-j KUBE-SVC"]
    );
}

#[test]
fn only_what_differs_is_loaded_and_what_was_left_goes() {
    let (one, two) = (web(&["10.244.0.2:80"]), web(&["10.244.0.3:80"]));
    let (old, new) = (
        chains(&model(one), &ranges()),
        chains(&model(two), &ranges()),
    );
    assert_eq!(restore(&new, &new, None), "");
    let step = restore(&old, &new, None);
    assert!(
        !step.contains("KUBE-SERVICES") && !step.contains("*filter"),
        "{step}"
    );
    assert_eq!(step.matches("-X KUBE-SEP-").count(), 1, "{step}");

    let saved = "*nat\n:PREROUTING ACCEPT [0:0]\n:KUBE-OLD - [0:0]\n\
                 -A PREROUTING -m comment --comment \"skiff service portals\" -j KUBE-OLD\n\
                 -A PREROUTING -j OTHERS\nCOMMIT\n";
    let seen = Seen::read(saved);
    let jump = "-D PREROUTING -m comment --comment \"skiff service portals\" -j KUBE-OLD\n";
    assert_eq!(
        removal(&seen),
        format!("*nat\n:KUBE-OLD - [0:0]\n{jump}-X KUBE-OLD\nCOMMIT\n")
    );
    let first = restore(&Chains::default(), &new, Some(&seen));
    assert!(
        first.contains(jump) && first.contains("-X KUBE-OLD\n"),
        "{first}"
    );
    assert!(
        first.contains("--comment \"skiff service portals\" -j KUBE-SERVICES"),
        "{first}"
    );
}

#[test]
fn what_belongs_to_no_connection_is_dropped() {
    let mut chains = chains(&model(web(&["10.244.0.2:80"])), &ranges());
    drop_invalid(&mut chains, &ranges());
    let rules = &chains.0[&(Table::Filter, "KUBE-FORWARD".to_owned())];
    assert_eq!(
        rules[..],
        [
            "-s 10.244.0.0/16 -m conntrack --ctstate INVALID -j DROP",
            "-d 10.244.0.0/16 -m conntrack --ctstate INVALID -j DROP",
        ]
    );
}
