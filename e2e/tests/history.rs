//! What became of an object, and the way back.

use anyhow::{Context, Result, ensure};
use skiff_e2e::{Cluster, eventually, on_a_cluster};

/// The revisions that `skiff history` shows, each with what it says of it.
fn revisions(cluster: &Cluster, object: &str) -> Result<Vec<(u64, String)>> {
    let told = cluster.skiff_does(&format!("history {object}"))?;
    let sections = told.split("\nrevision ").skip(1);
    sections
        .map(|section| {
            let (number, rest) = section.split_once("  ").context("a headline")?;
            Ok((number.parse()?, rest.to_owned()))
        })
        .collect()
}

#[test]
fn history_shows_each_change_and_restore_takes_it_back() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.kubectl("create configmap colours --from-literal=sky=blue")?;
        cluster.kubectl(
            "patch configmap colours -p '{\"data\":{\"sky\":\"grey\",\"sea\":\"green\"}}'",
        )?;
        cluster.kubectl("delete configmap colours")?;

        let told = revisions(cluster, "cm/colours")?;
        let [(created, made), (changed, patched), (_, gone)] = &told[..] else {
            anyhow::bail!("not three changes: {told:?}");
        };
        ensure!(made.contains("created by kubectl"), "{made}");
        ensure!(patched.contains("changed by kubectl-patch"), "{patched}");
        for line in [
            "- .data.sky: \"blue\"",
            "+ .data.sky: \"grey\"",
            "+ .data.sea: \"green\"",
        ] {
            ensure!(patched.contains(line), "no {line} in {patched}");
        }
        ensure!(gone.starts_with("deleted"), "{gone}");

        let sky = "get configmap colours -o jsonpath={.data.sky}";
        let would = cluster.skiff_does(&format!(
            "restore cm/colours --revision {created} --dry-run"
        ))?;
        ensure!(would.contains("would create configmaps/colours"), "{would}");
        ensure!(cluster.kubectl(sky).is_err(), "a dry run wrote");
        cluster.skiff_does(&format!("restore cm/colours --revision {created}"))?;
        ensure!(cluster.kubectl(sky)? == "blue");
        cluster.skiff_does(&format!("restore configmap/colours --revision {changed}"))?;
        ensure!(cluster.kubectl(sky)? == "grey");
        let again = cluster.skiff_does(&format!("restore cm/colours --revision {changed}"))?;
        ensure!(again.contains("is as it was"), "{again}");
        Ok(())
    })
}

#[test]
fn restore_brings_a_deleted_namespace_back() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.kubectl("create namespace shop")?;
        cluster.kubectl("create configmap settings -n shop --from-literal=a=1")?;
        cluster.kubectl("create deployment web -n shop --image=nginx:1.19")?;
        cluster.kubectl("rollout status deployment/web -n shop --timeout=120s")?;
        let revision = cluster
            .kubectl("get deployment web -n shop -o jsonpath={.metadata.resourceVersion}")?;
        cluster.kubectl("delete namespace shop --timeout=120s")?;

        cluster.skiff_does(&format!("restore namespace/shop --revision {revision}"))?;
        let kept = cluster.kubectl("get configmap settings -n shop -o jsonpath={.data.a}")?;
        ensure!(kept == "1", "{kept}");
        cluster.kubectl("rollout status deployment/web -n shop --timeout=120s")?;
        eventually("one ReplicaSet, the Deployment's new one", 60, || {
            let sets = cluster.kubectl("get replicasets -n shop -o name")?;
            ensure!(sets.lines().count() == 1, "{sets}");
            Ok(())
        })
    })
}

#[test]
fn history_and_restore_tell_what_is_wrong() -> Result<()> {
    on_a_cluster(|cluster| {
        for (line, complaint) in [
            ("history boats/a", "doesn't have a resource type \"boats\""),
            ("history web", "is not KIND/NAME"),
            (
                "history pod/none",
                "pods/none in default is not known since revision",
            ),
            (
                "restore pod/none --revision 5",
                "there was no pods/none in default at revision 5",
            ),
            (
                "restore pod/none --revision 99999999",
                "revision 99999999 is yet to come",
            ),
        ] {
            let said = match cluster.skiff_does(line) {
                Ok(said) => anyhow::bail!("{line} is not refused: {said}"),
                Err(error) => format!("{error:#}"),
            };
            ensure!(said.contains(complaint), "{line}: {said}");
        }
        Ok(())
    })
}
