//! What the CNI plugin `portmap` leaves in iptables when the last host port is gone
//! (<https://www.cni.dev/plugins/current/meta/portmap/>).

use std::collections::BTreeSet;
use std::io;
use std::process::Stdio;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::host::search_path;

/// The programs for the two families, with those that load rules.
const PROGRAMS: [(&str, &str); 2] = [
    ("iptables", "iptables-restore"),
    ("ip6tables", "ip6tables-restore"),
];
/// The chain with a rule for each Pod that has host ports, and how those begin that hold its ports.
const DNAT: &str = "CNI-HOSTPORT-DNAT";
const OF_A_POD: &str = "CNI-DN-";
/// How the chains begin that all runtimes of the machine share.
const SHARED: &str = "CNI-HOSTPORT-";

/// Why the rules of host ports are still there.
#[derive(Debug, thiserror::Error)]
pub enum HostPortsError {
    /// The `iptables` programs could not be run.
    #[error("run iptables-restore (Debian's package iptables)")]
    Iptables(#[source] io::Error),
    /// They refused.
    #[error("iptables refused to remove the rules of host ports: {0}")]
    Refused(String),
}

/// Takes away the rules of a CNI network, and the plugin's chains unless another runtime uses them.
pub(super) async fn remove(network: &str) -> Result<(), HostPortsError> {
    for (program, restore) in PROGRAMS {
        let mut listing = Command::new(program);
        listing
            .args(["--wait", "-t", "nat", "-S"])
            .env("PATH", search_path());
        // On a host without iptables the plugin has done nothing.
        let Ok(seen) = listing.output().await else {
            continue;
        };
        let rules = removal(network, &String::from_utf8_lossy(&seen.stdout));
        if !rules.is_empty() {
            load(restore, &rules).await?;
        }
    }
    Ok(())
}

/// The script for iptables-restore that removes what is ours of a listing; empty if there is nothing.
fn removal(network: &str, listing: &str) -> String {
    let name = format!("name: \\\"{network}\\\"");
    let rules_in = |chain: &str| {
        let start = format!("-A {chain} ");
        listing
            .lines()
            .filter(move |line| line.starts_with(&start))
            .collect::<Vec<_>>()
    };
    let (ours, others): (Vec<&str>, Vec<&str>) = rules_in(DNAT)
        .into_iter()
        .partition(|rule| rule.contains(&name));
    let chains: BTreeSet<&str> = listing
        .lines()
        .filter_map(|line| line.strip_prefix("-N "))
        .collect();
    let mut gone: BTreeSet<&str> = ours
        .iter()
        .filter_map(|rule| rule.split_whitespace().last())
        .filter(|target| target.starts_with(OF_A_POD))
        .collect();
    let mut rules = ours;
    if others.is_empty() {
        let shared: Vec<&str> = chains
            .iter()
            .copied()
            .filter(|chain| chain.starts_with(SHARED))
            .collect();
        let leads_there = |rule: &&str| {
            shared
                .iter()
                .any(|chain| rule.ends_with(&format!("-j {chain}")))
        };
        let builtin = ["PREROUTING", "OUTPUT", "POSTROUTING"].map(rules_in);
        rules.extend(builtin.into_iter().flatten().filter(leads_there));
        gone.extend(shared);
    }
    if gone.is_empty() {
        return String::new();
    }
    let deleted = rules.iter().map(|rule| rule.replacen("-A", "-D", 1) + "\n");
    // All are emptied before any goes, for they lead to each other.
    let emptied = gone.iter().map(|chain| format!("-F {chain}\n"));
    let removed = gone.iter().map(|chain| format!("-X {chain}\n"));
    let lines: String = deleted.chain(emptied).chain(removed).collect();
    format!("*nat\n{lines}COMMIT\n")
}

async fn load(program: &str, rules: &str) -> Result<(), HostPortsError> {
    let mut restore = Command::new(program)
        .args(["--noflush", "--wait"])
        .env("PATH", search_path())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(HostPortsError::Iptables)?;
    if let Some(mut stdin) = restore.stdin.take() {
        // A program that ends early says why.
        let _ = stdin.write_all(rules.as_bytes()).await;
    }
    let output = restore
        .wait_with_output()
        .await
        .map_err(HostPortsError::Iptables)?;
    if output.status.success() {
        return Ok(());
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    Err(HostPortsError::Refused(complaint.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHAINS: &str = "-P PREROUTING ACCEPT
-P OUTPUT ACCEPT
-N CNI-DN-1234
-N CNI-HOSTPORT-DNAT
-N CNI-HOSTPORT-MASQ
-N CNI-HOSTPORT-SETMARK
-A PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT
-A OUTPUT -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT
-A POSTROUTING -m comment --comment \"CNI portfwd requiring masquerade\" -j CNI-HOSTPORT-MASQ
-A CNI-DN-1234 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 10.244.0.9:80
-A CNI-HOSTPORT-MASQ -m mark --mark 0x2000/0x2000 -j MASQUERADE
-A CNI-HOSTPORT-SETMARK -m comment --comment \"CNI portfwd masquerade mark\" -j MARK --set-xmark 0x2000/0x2000
";

    fn rule(network: &str) -> String {
        format!(
            "-A CNI-HOSTPORT-DNAT -p tcp -m comment --comment \"dnat name: \\\"{network}\\\" id: \\\"1f\\\"\" -m multiport --dports 8080 -j CNI-DN-1234\n"
        )
    }

    #[test]
    fn the_chains_go_with_the_last_port() {
        let script = removal("skiff", CHAINS);
        let gone = "-F CNI-HOSTPORT-DNAT\n-F CNI-HOSTPORT-MASQ\n-F CNI-HOSTPORT-SETMARK\n-X CNI-HOSTPORT-DNAT\n-X CNI-HOSTPORT-MASQ\n-X CNI-HOSTPORT-SETMARK\nCOMMIT\n";
        assert!(script.ends_with(gone), "{script}");
        assert!(
            script.starts_with(
                "*nat\n-D PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT\n-D OUTPUT "
            ),
            "{script}"
        );
        assert_eq!(
            removal("skiff", "-P PREROUTING ACCEPT\n-A PREROUTING -j DOCKER\n"),
            ""
        );
    }

    #[test]
    fn ports_of_another_network_stay() {
        let theirs = CHAINS.to_owned() + &rule("podman");
        assert_eq!(removal("skiff", &theirs), "");
        let script = removal("skiff", &(theirs + &rule("skiff")));
        let ours = rule("skiff").replacen("-A", "-D", 1);
        let expected = format!("*nat\n{ours}-F CNI-DN-1234\n-X CNI-DN-1234\nCOMMIT\n");
        assert_eq!(script, expected);
    }
}
