//! skiff is killed at random moments and carries on from where it was (scenario B8).

use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use skiff_e2e::{Cluster, Terminal, eventually, example_binary, on_a_cluster};

#[test]
fn b8_killed_at_random_moments() -> Result<()> {
    killed(5)
}

#[test]
#[ignore = "a repetition, for make test-long"]
fn b8_killed_at_random_moments_twenty_times() -> Result<()> {
    killed(20)
}

fn killed(times: usize) -> Result<()> {
    let seed = rand::rng().random();
    println!("the seed of this run is {seed}");
    let mut chance = StdRng::seed_from_u64(seed);
    on_a_cluster(|cluster| {
        cluster.kubectl("create deployment steady --image=nginx:1.19 --replicas=2")?;
        cluster.kubectl("create deployment web --image=nginx:1.19 --replicas=4")?;
        cluster.pods_ready("app=steady", 2)?;
        cluster.pods_ready("app=web", 4)?;
        let containers = "-o 'jsonpath={.items[*].status.containerStatuses[*].containerID}'";
        let steady = cluster.kubectl(&format!("get pods -l app=steady {containers}"))?;

        let acknowledged = writing_meanwhile(cluster, |cluster| {
            for round in 0..times {
                let image = ["nginx:1.20", "nginx:1.19"][round % 2];
                cluster.kubectl(&format!("set image deployment/web nginx={image}"))?;
                thread::sleep(Duration::from_millis(chance.random_range(0..4000)));
                cluster.kill9()?;
                cluster.up()?;
            }
            Ok(())
        })?;

        cluster.kubectl("rollout status deployment/web --timeout=180s")?;
        cluster.pods_ready("app=web", 4)?;
        let restarts = "-o 'jsonpath={.items[*].status.containerStatuses[*].restartCount}'";
        let restarts = cluster.kubectl(&format!("get pods {restarts}"))?;
        ensure!(
            restarts.split(' ').all(|count| count == "0"),
            "containers restarted: {restarts}"
        );
        eventually("the steady containers to be the same", 30, || {
            let now = cluster.kubectl(&format!("get pods -l app=steady {containers}"))?;
            ensure!(now == steady, "they were {steady} and are {now}");
            Ok(())
        })?;
        let there = cluster.names("configmaps")?;
        let lost: Vec<_> = acknowledged
            .iter()
            .filter(|name| !there.contains(name))
            .collect();
        ensure!(lost.is_empty(), "acknowledged and lost: {lost:?}");
        ensure!(
            acknowledged.len() >= times,
            "only {} writes",
            acknowledged.len()
        );

        cluster.stop()?;
        store_is_sound(cluster)
    })
}

/// Creates ConfigMaps, one after another, while `work` is done; returns those acknowledged.
fn writing_meanwhile(
    cluster: &mut Cluster,
    work: impl FnOnce(&mut Cluster) -> Result<()>,
) -> Result<Vec<String>> {
    let terminal: Terminal = (**cluster).clone();
    let acknowledged = Mutex::new(Vec::new());
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0.. {
                if over.load(Ordering::Relaxed) {
                    break;
                }
                let name = format!("written-{number}");
                // While skiff is down, writes fail; only what was acknowledged counts.
                let written =
                    terminal.kubectl(&format!("create configmap {name} --from-literal=a=b"));
                if let (Ok(_), Ok(mut names)) = (written, acknowledged.lock()) {
                    names.push(name);
                }
            }
        });
        let done = work(cluster);
        over.store(true, Ordering::Relaxed);
        done
    })?;
    acknowledged
        .into_inner()
        .ok()
        .context("the writer panicked")
}

/// Opens the stopped cluster's store by itself and checks every invariant of it.
fn store_is_sound(cluster: &Cluster) -> Result<()> {
    let checked = Command::new(example_binary("power_cut_verify")?)
        .arg(cluster.data_dir().join("store"))
        .stdin(Stdio::null())
        .output()?;
    ensure!(checked.status.success(), "{checked:?}");
    Ok(())
}
