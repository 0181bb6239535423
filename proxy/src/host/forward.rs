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
fn needed(seen: &str, ranges: &Ranges) -> Option<String> {
    let jump = format!("-A FORWARD -j {CHAIN}");
    let mut lines = seen.lines().map(str::trim);
    let holds_back = lines.next() != Some("-P FORWARD ACCEPT");
    let mut rules = lines.peekable();
    let is_first = rules.peek() == Some(&jump.as_str());
    if is_first || (!holds_back && rules.next().is_none()) {
        return None;
    }
    let cluster = ranges.cluster;
    // It stands behind what was put before it since.
    let again = match seen.lines().any(|line| line.trim() == jump) {
        true => format!("-D FORWARD -j {CHAIN}\n"),
        false => String::new(),
    };
    Some(format!(
        "*filter\n\
         :{CHAIN} - [0:0]\n\
         {again}\
         -A {CHAIN} -s {cluster} -j ACCEPT\n\
         -A {CHAIN} -d {cluster} -j ACCEPT\n\
         -I FORWARD -j {CHAIN}\n\
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
            services: "10.96.0.0/12".parse().expect("a range"),
            node_ports: Vec::new(),
        };
        let cases = [
            ("-P FORWARD ACCEPT\n", false),
            ("-P FORWARD DROP\n", true),
            ("-P FORWARD ACCEPT\n-A FORWARD -j REJECT\n", true),
            (
                "-P FORWARD DROP\n-A FORWARD -j SKIFF-FORWARD\n-A FORWARD -j DOCKER-USER\n",
                false,
            ),
            (
                "-P FORWARD DROP\n-A FORWARD -j DOCKER-USER\n-A FORWARD -j SKIFF-FORWARD\n",
                true,
            ),
        ];
        for (seen, expected) in cases {
            assert_eq!(needed(seen, &ranges).is_some(), expected, "{seen}");
        }
    }
}
