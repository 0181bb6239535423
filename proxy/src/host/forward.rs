//! Hosts whose firewall forwards nothing, such as those with Docker.

use tokio::process::Command;

use crate::dataplane::{DataplaneError, Ranges};
use crate::nftables::Loader;

/// The chain that lets Pods through.
const CHAIN: &str = "SKIFF-FORWARD";

/// Lets traffic of Pods through the host's FORWARD chain, if that holds anything back.
///
/// NetworkPolicies are not affected: they have a table of their own, and a packet must pass all tables.
pub(crate) async fn let_pods_through(
    ranges: &Ranges,
    loader: &Loader,
) -> Result<(), DataplaneError> {
    let Some(seen) = forward_rules().await else {
        return Ok(());
    };
    match needed(&seen, ranges) {
        Some(rules) => {
            let arguments = ["--noflush", "--wait"];
            loader.feed("iptables-restore", &arguments, &rules).await
        }
        None => Ok(()),
    }
}

/// Takes the rules away again.
pub(crate) async fn hold_pods_back(loader: &Loader) -> Result<(), DataplaneError> {
    let jump = format!("-A FORWARD -j {CHAIN}");
    let seen = forward_rules().await.unwrap_or_default();
    if !seen.lines().any(|line| line.trim() == jump) {
        return Ok(());
    }
    let rules = format!("*filter\n:{CHAIN} - [0:0]\n-D FORWARD -j {CHAIN}\n-X {CHAIN}\nCOMMIT\n");
    let arguments = ["--noflush", "--wait"];
    loader.feed("iptables-restore", &arguments, &rules).await
}

/// The FORWARD chain as iptables shows it; none on a host without the program.
async fn forward_rules() -> Option<String> {
    let mut listing = Command::new("iptables");
    listing.args(["--wait", "-S", "FORWARD"]);
    let output = listing.output().await.ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The rules to load for a FORWARD chain: none where it holds nothing back, or where they are.
///
/// They stand before all rules but those of the Services, who refuse some packets.
fn needed(seen: &str, ranges: &Ranges) -> Option<String> {
    let jump = format!("-A FORWARD -j {CHAIN}");
    let mut lines = seen.lines().map(str::trim);
    let holds_back = lines.next() != Some("-P FORWARD ACCEPT");
    let rules: Vec<_> = lines.collect();
    let of_services = |rule: &&&str| rule.contains(" -j KUBE-");
    let place = rules.iter().take_while(of_services).count();
    let is_in_place = rules.get(place) == Some(&jump.as_str());
    if is_in_place || (!holds_back && rules.len() == place) {
        return None;
    }
    let cluster = ranges.cluster;
    let first = place + 1;
    // It stands behind what was put before it since.
    let again = match rules.contains(&jump.as_str()) {
        true => format!("-D FORWARD -j {CHAIN}\n"),
        false => String::new(),
    };
    Some(format!(
        "*filter\n\
         :{CHAIN} - [0:0]\n\
         {again}\
         -A {CHAIN} -s {cluster} -j ACCEPT\n\
         -A {CHAIN} -d {cluster} -j ACCEPT\n\
         -I FORWARD {first} -j {CHAIN}\n\
         COMMIT\n"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_are_let_through_where_something_holds_them_back() {
        let ranges = Ranges {
            node: [192, 0, 2, 1].into(),
            cluster: "10.244.0.0/16".parse().expect("a range"),
            services: vec!["10.96.0.0/12".parse().expect("a range")],
            node_ports: Vec::new(),
        };
        const PODS: &str = "-A FORWARD -j SKIFF-FORWARD\n";
        const DOCKER: &str = "-A FORWARD -j DOCKER-USER\n";
        const SERVICES: &str = "-A FORWARD -m conntrack --ctstate NEW -m comment --comment \"of Services\" -j KUBE-SERVICES\n";
        // policy, rules | place of the jump, if it is to be made
        let cases = [
            ("ACCEPT", vec![], None),
            ("DROP", vec![], Some(1)),
            ("ACCEPT", vec!["-A FORWARD -j REJECT\n"], Some(1)),
            ("DROP", vec![PODS, DOCKER], None),
            ("DROP", vec![DOCKER, PODS], Some(1)),
            ("ACCEPT", vec![SERVICES, SERVICES], None),
            ("DROP", vec![SERVICES, PODS, DOCKER], None),
            ("DROP", vec![SERVICES, SERVICES, DOCKER], Some(3)),
            ("DROP", vec![SERVICES, DOCKER, PODS], Some(2)),
        ];
        for (policy, rules, expected) in cases {
            let seen = format!("-P FORWARD {policy}\n{}", rules.concat());
            let jump = expected.map(|place| format!("-I FORWARD {place} -j SKIFF-FORWARD\n"));
            let needed = needed(&seen, &ranges);
            assert_eq!(needed.is_some(), expected.is_some(), "{seen}");
            let made = needed.as_deref().unwrap_or_default();
            assert!(made.contains(&jump.unwrap_or_default()), "{seen}: {made}");
        }
    }
}
