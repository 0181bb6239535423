//! From the create of a Pod to its Running, beside the raw CRI calls for the same sandbox and container.
//!
//! ```text
//!   create ──► API server ──► scheduler ──► kubelet ──► CRI ──► kubelet ──► API server ──► watch
//!                                                        ▲
//!   configuration of a Pod that runs, read back ── raw ──┘
//! ```

mod complete;
mod cri;
mod pod;
mod template;

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::client::ApiServer;
use super::report::{Row, Target, Unit};
use super::space::Space;
use super::statistics::{median, milliseconds};
use super::tell;
use cri::{Runtime, Stages};
use pod::Pods;
use template::Template;

/// How many times the raw calls a Pod shall take at most.
const TARGET_RATIO: f64 = 1.3;

/// One value each round.
#[derive(Debug, Default)]
struct Rounds {
    pod_ms: Vec<f64>,
    raw_ms: Vec<f64>,
    sandbox_ms: Vec<f64>,
    create_ms: Vec<f64>,
    start_ms: Vec<f64>,
}

/// Starts Pods one by one, and between them the same by raw calls on containerd's `socket`.
/// The logs of the raw containers go below `logs`.
pub(super) async fn measure(
    server: ApiServer,
    socket: PathBuf,
    logs: PathBuf,
    rounds: u32,
) -> Result<Vec<Row>> {
    let space = Space::create(&server, "pods").await?;
    let mut runtime = Runtime::connect(&socket).await?;
    let mut pods = Pods::watch(&server, &space).await?;
    tell("pods, the one to compare with");
    // It brings the image, and stays: the raw containers have its files.
    pods.run("template").await?;
    let template = Template::of(&mut runtime, "template").await?;
    let mut found = Rounds::default();
    for round in 1..=rounds {
        tell(&format!("pods, round {round} of {rounds}"));
        // Who is first has the caches colder: take turns.
        if round % 2 == 0 {
            found.add_raw(&raw(&mut runtime, &template, &logs, round).await?);
            found.add_pod(&mut pods, &mut runtime, round).await?;
        } else {
            found.add_pod(&mut pods, &mut runtime, round).await?;
            found.add_raw(&raw(&mut runtime, &template, &logs, round).await?);
        }
    }
    pods.remove("template", &mut runtime).await?;
    space.delete().await?;
    Ok(found.rows())
}

async fn raw(
    runtime: &mut Runtime,
    template: &Template,
    logs: &Path,
    round: u32,
) -> Result<Stages> {
    let copy = template.copy(round, logs)?;
    let (stages, made) = runtime.run(&copy).await?;
    let same = template.compare(runtime, &made).await;
    runtime.remove(&made).await?;
    same.map(|()| stages)
}

impl Rounds {
    async fn add_pod(&mut self, pods: &mut Pods, runtime: &mut Runtime, round: u32) -> Result<()> {
        let name = format!("sleeper-{round}");
        let took = pods.run(&name).await?;
        self.pod_ms.push(milliseconds(took));
        pods.remove(&name, runtime).await
    }

    fn add_raw(&mut self, stages: &Stages) {
        self.sandbox_ms.push(milliseconds(stages.sandbox));
        self.create_ms.push(milliseconds(stages.create));
        self.start_ms.push(milliseconds(stages.start));
        self.raw_ms.push(milliseconds(stages.total()));
    }

    fn rows(&self) -> Vec<Row> {
        let raw = median(&self.raw_ms);
        // What disturbs the machine meets both of a round.
        let pairs = self.pod_ms.iter().zip(&self.raw_ms);
        let ratios: Vec<f64> = pairs.map(|(pod, raw)| pod / raw).collect();
        let stage = |what: &str, rounds: &[f64]| Row::of_rounds(what, Unit::Milliseconds, rounds);
        vec![
            stage("Pod created to Running", &self.pod_ms).beside("raw CRI calls", raw),
            Row::of_rounds("its ratio to the raw calls", Unit::Ratio, &ratios)
                .target(Target::AtMost(TARGET_RATIO)),
            stage("raw RunPodSandbox", &self.sandbox_ms),
            stage("raw CreateContainer", &self.create_ms),
            stage("raw StartContainer", &self.start_ms),
        ]
    }
}
