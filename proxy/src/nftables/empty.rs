//! The tables that the iptables programs make where they stand on nftables, and leave behind.

use tokio::process::Command;

use super::load::Loader;
use crate::dataplane::DataplaneError;

/// What iptables calls its tables.
const TABLES: [&str; 2] = ["nat", "filter"];
const FAMILIES: [&str; 2] = ["ip", "ip6"];

/// Removes those of them in which nothing is left; the next rule that somebody adds makes them anew.
///
/// # Errors
/// If the kernel refuses.
pub(crate) async fn remove_empty_tables(loader: &Loader) -> Result<(), DataplaneError> {
    for (family, table) in FAMILIES
        .into_iter()
        .flat_map(|family| TABLES.map(|table| (family, table)))
    {
        let mut listing = Command::new("nft");
        listing.args(["list", "table", family, table]);
        // Without such a table the program fails, and there is nothing to do.
        let Ok(seen) = listing.output().await else {
            continue;
        };
        if seen.status.success() && is_empty(&String::from_utf8_lossy(&seen.stdout)) {
            let removal = format!("delete table {family} {table}\n");
            loader.nft(&removal).await?;
        }
    }
    Ok(())
}

/// Whether a listing has no rule, no set and no policy but to accept.
fn is_empty(listing: &str) -> bool {
    let mut lines = listing.lines().map(str::trim);
    lines.all(|line| {
        let is_frame = line.starts_with("table ") || line.starts_with("chain ");
        let is_hook = line.starts_with("type ") && line.ends_with("policy accept;");
        is_frame || is_hook || matches!(line, "" | "}") || line.starts_with('#')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_empty_when_all_is_accepted() {
        let table = |chain: &str| format!("table ip nat {{\n\tchain OUTPUT {{\n{chain}\t}}\n}}\n");
        let hook = "\t\ttype nat hook output priority -100; policy accept;\n";
        assert!(is_empty(&table(hook)));
        assert!(is_empty(
            "# Warning: managed by iptables-nft\ntable ip nat {\n}\n"
        ));
        assert!(!is_empty(&table(&hook.replace("accept", "drop"))));
        assert!(!is_empty(&table(&format!(
            "{hook}\t\tip daddr 10.0.0.1 drop\n"
        ))));
        assert!(!is_empty(
            "table ip nat {\n\tset a {\n\t\ttype ipv4_addr\n\t}\n}\n"
        ));
    }
}
