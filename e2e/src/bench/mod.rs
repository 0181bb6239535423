//! `make bench`: what skiff takes and gives, in figures beside their targets and references.
//!
//! ```text
//!                          ┌─ creates, lists, watches ── TLS ──► any API server (a kubeconfig)
//!   options ──► benches ───┤
//!                          └─ ready, idle, pods ──► a node in a namespace, and its containerd
//!                  └── rows ──► report ──► a table, JSON
//! ```
//! Benches measure and do not judge: a figure beyond its target is no failure, a figure that cannot be
//! taken is.

mod client;
mod creates;
mod disk;
mod idle;
mod inside;
mod lists;
mod machine;
mod objects;
mod options;
mod pods;
mod ready;
mod report;
mod resources;
mod space;
mod statistics;
mod watches;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use serde_json::Value;

use crate::{Cluster, TestNet};
use client::ApiServer;
use inside::Inside;
use options::{Bench, Command, Load, Options};
use report::Report;

/// Runs the benches that the command line asks for and prints what they found.
///
/// # Errors
/// If a figure could not be taken; those that could are printed all the same.
pub fn main() -> Result<()> {
    let options = Options::parse();
    raise_open_files()?;
    let mut report = Report::new();
    match &options.command {
        Some(Command::Api { kubeconfig, disk }) => {
            against(&mut report, kubeconfig, disk, &options.load)?;
        }
        Some(Command::All) | None => on_a_node(&mut report, &options.load)?,
    }
    report.print();
    if let Some(file) = options.json_file() {
        report.write_json(&file)?;
        println!("\nwritten to {}", file.display());
    }
    report.failed()
}

/// The benches that take any API server.
fn against(report: &mut Report, kubeconfig: &Path, disk: &Path, load: &Load) -> Result<()> {
    let inside = Inside::here()?;
    let server = reach(report, &inside, kubeconfig.to_owned(), load)?;
    api_benches(report, &inside, &server, disk, load);
    Ok(())
}

/// All benches, on nodes that are made for them.
fn on_a_node(report: &mut Report, load: &Load) -> Result<()> {
    if load.wants(Bench::Ready) {
        let net = TestNet::new()?;
        report.take("ready", || ready::measure(&net, load));
    }
    if Bench::ALL
        .iter()
        .all(|bench| *bench == Bench::Ready || !load.wants(*bench))
    {
        return Ok(());
    }
    let cluster = Cluster::start(&[])?;
    let inside = Inside::of(cluster.namespace())?;
    let server = reach(report, &inside, cluster.home().join("kubeconfig"), load)?;
    if load.wants(Bench::Idle) {
        report.take("idle", || idle::measure(&cluster, load));
    }
    if load.wants(Bench::Pods) {
        let home = cluster.home().join("bench");
        let socket = cluster.data_dir().join("containerd/containerd.sock");
        report.take("pods", || {
            inside.run(pods::measure(server.clone(), socket, home, load.clone()))
        });
    }
    api_benches(report, &inside, &server, cluster.home(), load);
    if load.wants(Bench::Idle) {
        report.take("idle", || idle::after_the_load(&cluster));
    }
    Ok(())
}

fn api_benches(report: &mut Report, inside: &Inside, server: &ApiServer, disk: &Path, load: &Load) {
    if load.wants(Bench::Creates) {
        let disk = disk.to_owned();
        report.take("creates", || {
            inside.run(creates::measure(server.clone(), disk, load.clone()))
        });
    }
    if load.wants(Bench::Watches) {
        report.take("watches", || {
            inside.run(watches::measure(server.clone(), load.clone()))
        });
    }
    if load.wants(Bench::Lists) {
        report.take("lists", || {
            inside.run(lists::measure(server.clone(), load.clone()))
        });
    }
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

/// Lets this process, and the skiff that it starts, have a socket for each of a thousand watchers.
fn raise_open_files() -> Result<()> {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    ensure!(
        most >= 4096,
        "only {most} open files are allowed (ulimit -n)"
    );
    setrlimit(Resource::RLIMIT_NOFILE, most, most).context("raise the limit of open files")
}

/// Says on standard error what is going on, for benches take minutes.
fn tell(what: &str) {
    eprintln!("bench: {what}");
}
