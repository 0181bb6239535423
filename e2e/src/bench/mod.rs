//! `make bench`: what skiff takes and gives, in figures beside their targets and references.
//!
//! ```text
//!                          ┌─ creates, patches, lists, watches ── TLS ──► any API server (a kubeconfig)
//!   options ──► benches ───┼─ ready, idle, pods ──► a node in a namespace, and its containerd
//!                  │       ├─ memory ──► the same, beside etcd and sled
//!                  │       └─ services ──► a node in a namespace or a virtual machine, and its kernel
//!                  └── rows ──► report ──► a table, JSON
//! ```
//! Benches measure and do not judge: a figure beyond its target is no failure, a figure that cannot be
//! taken is.

mod client;
mod creates;
mod disk;
mod filling;
mod idle;
mod inside;
mod lists;
mod machine;
mod memory;
mod objects;
mod options;
mod patches;
mod pods;
mod ready;
mod report;
mod resources;
mod selectors;
mod services;
mod space;
mod statistics;
mod trace;
mod watches;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Parser;
use serde_json::Value;

use crate::Cluster;
use client::ApiServer;
use inside::Inside;
use options::{Bench, Command, Load, Options};
use pods::Place;
use report::Report;

/// The benches that start what they measure.
const ON_NODES_OF_THEIR_OWN: [Bench; 6] = [
    Bench::Ready,
    Bench::Services,
    Bench::ServicesIpvs,
    Bench::Crowd,
    Bench::Objects,
    Bench::SmallPods,
];

/// Runs the benches that the command line asks for and prints what they found.
///
/// # Errors
/// If a figure could not be taken; those that could are printed all the same.
pub fn main() -> Result<()> {
    let options = Options::parse();
    if let Some(Command::Sled { dir, values }) = &options.command {
        return memory::keep_in_sled(dir, values);
    }
    let mut report = Report::of(options.load.only.clone());
    let done = match &options.command {
        Some(Command::Api { kubeconfig, disk }) => {
            against(&mut report, kubeconfig, disk, &options.load)
        }
        _ => on_nodes(&mut report, &options.load),
    };
    report.print();
    if let Some(file) = options.json_file() {
        report.write_json(&file)?;
        println!("\nwritten to {}", file.display());
    }
    done.and(report.failed())
}

/// The benches that take any API server.
fn against(report: &mut Report, kubeconfig: &Path, disk: &Path, load: &Load) -> Result<()> {
    let inside = Inside::here()?;
    let server = reach(report, &inside, kubeconfig.to_owned(), load)?;
    of_an_api_server(report, &inside, &server, disk, load);
    Ok(())
}

/// All benches, on nodes that are made for them.
fn on_nodes(report: &mut Report, load: &Load) -> Result<()> {
    report.take(Bench::Ready, || ready::measure(load));
    report.take(Bench::Services, || services::nftables(load));
    report.take(Bench::ServicesIpvs, || services::ipvs(load));
    report.take(Bench::Crowd, || memory::crowd(load));
    report.take(Bench::Objects, || memory::objects(load));
    if report.wants(Bench::SmallPods) {
        let etcd = memory::etcd_version();
        report.describe("etcd", etcd.unwrap_or_else(|| "not installed".into()));
    }
    report.take(Bench::SmallPods, || memory::small_pods(load));
    if report.wants_other_than(&ON_NODES_OF_THEIR_OWN) {
        on_one_node(report, load)?;
    }
    Ok(())
}

/// The benches that share a node.
fn on_one_node(report: &mut Report, load: &Load) -> Result<()> {
    let cluster = Cluster::start(&[])?;
    let data_dir = cluster.data_dir();
    let inside = Inside::of(cluster.namespace())?;
    let server = reach(report, &inside, cluster.home().join("kubeconfig"), load)?;
    report.take(Bench::Idle, || {
        idle::measure(data_dir, "idle", load.idle_s, idle::EMPTY)
    });
    let place = || Place {
        server: server.clone(),
        socket: data_dir.join("containerd/containerd.sock"),
        logs: cluster.home().join("bench"),
    };
    report.take(Bench::CreateToRunning, || {
        inside.run(pods::one_by_one(place(), load.clone()))
    });
    report.take(Bench::Pods110, || {
        inside.run(pods::full_node(place(), data_dir.to_owned(), load.clone()))
    });
    of_an_api_server(report, &inside, &server, cluster.home(), load);
    report.take(Bench::Idle, || idle::after_the_load(data_dir));
    Ok(())
}

fn of_an_api_server(
    report: &mut Report,
    inside: &Inside,
    server: &ApiServer,
    disk: &Path,
    load: &Load,
) {
    report.take(Bench::Creates, || {
        inside.run(creates::measure(
            server.clone(),
            disk.to_owned(),
            load.clone(),
        ))
    });
    report.take(Bench::Watches, || {
        inside.run(watches::measure(server.clone(), load.clone()))
    });
    report.take(Bench::Patches, || {
        inside.run(patches::measure(server.clone(), load.clone()))
    });
    report.take(Bench::Lists, || {
        inside.run(lists::measure(server.clone(), load.clone()))
    });
    report.take(Bench::Selectors, || {
        inside.run(selectors::measure(server.clone(), load.clone()))
    });
}

/// The API server of a kubeconfig, which must answer.
fn reach(
    report: &mut Report,
    inside: &Inside,
    kubeconfig: PathBuf,
    load: &Load,
) -> Result<ApiServer> {
    let protocol = load.protocol;
    let (server, version) = inside.run(async move {
        let server = ApiServer::from_kubeconfig(&kubeconfig, protocol)?;
        let answer = server.connect().await?.get("/version").await?;
        Ok((server, serde_json::from_slice::<Value>(&answer)?))
    })?;
    let version = version["gitVersion"]
        .as_str()
        .context("/version has no gitVersion")?;
    report.describe(
        "API server",
        format!("{version}, by {protocol} with client certificates"),
    );
    Ok(server)
}

/// Says on standard error what is going on, for benches take minutes.
fn tell(what: &str) {
    eprintln!("bench: {what}");
}
