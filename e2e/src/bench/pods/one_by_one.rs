//! Pods one after the other, each beside one by raw calls.

use anyhow::Result;

use super::bed::{Bed, Place};
use super::cri::{Made, Stages};
use super::pod::Started;
use super::stages::{Way, of_stages};
use crate::bench::options::Load;
use crate::bench::report::{Row, Target, Unit};
use crate::bench::statistics::Samples;
use crate::bench::tell;
use crate::bench::trace::Trace;

/// How many times the raw calls a Pod shall take at most.
const TARGET_RATIO: f64 = 1.2;
/// How many run before they are removed together: an end takes a second, and would disturb who starts meanwhile.
const BATCH: u32 = 20;

/// What was found so far.
#[derive(Default)]
struct Found {
    ways: Vec<Way>,
    pods: Vec<Started>,
    raw: Vec<Stages>,
}

/// What runs beside the template, to be removed.
#[derive(Default)]
struct Running {
    pods: Vec<String>,
    raw: Vec<Made>,
}

/// Starts Pods one by one, and between them the same by raw calls.
pub(in crate::bench) async fn measure(place: Place, load: Load) -> Result<Vec<Row>> {
    let mut bed = Bed::make(&place, "create-to-running").await?;
    let mut trace = Trace::of(&place.server).await?;
    let mut found = Found::default();
    let numbers: Vec<u32> = (1..=load.starts).collect();
    for batch in numbers.chunks(BATCH as usize) {
        let done = batch[0] - 1;
        tell(&format!("create-to-running, {done} of {}", load.starts));
        let mut running = Running::default();
        let first = found.pods.len();
        for number in batch {
            // Who is first has the caches colder: take turns.
            if number % 2 == 0 {
                found.add_raw(&bed, &mut running, *number).await?;
                found.add_pod(&mut bed, &mut running, *number).await?;
            } else {
                found.add_pod(&mut bed, &mut running, *number).await?;
                found.add_raw(&bed, &mut running, *number).await?;
            }
        }
        for made in &running.raw {
            bed.template.compare(&mut bed.runtime, made).await?;
        }
        found.trace(&mut trace, first).await?;
        bed.remove(&running.pods, running.raw).await?;
    }
    bed.clear().await?;
    Ok(found.rows())
}

impl Found {
    async fn add_pod(&mut self, bed: &mut Bed, running: &mut Running, number: u32) -> Result<()> {
        let name = format!("sleeper-{number}");
        self.pods.push(bed.pods.run(&name).await?);
        running.pods.push(name);
        Ok(())
    }

    async fn add_raw(&mut self, bed: &Bed, running: &mut Running, number: u32) -> Result<()> {
        let (stages, made) = bed.runtime.run(&bed.copy(number)?).await?;
        self.raw.push(stages);
        running.raw.push(made);
        Ok(())
    }

    /// Takes the stamps of the Pods from `first` on, as long as they are kept.
    async fn trace(&mut self, trace: &mut Trace, first: usize) -> Result<()> {
        let pods = &self.pods[first..];
        let uids: Vec<String> = pods.iter().map(|pod| pod.uid.clone()).collect();
        let stamps = trace.stamps(&uids).await?;
        self.ways
            .extend(pods.iter().map(|pod| Way::of(pod, &stamps)));
        Ok(())
    }

    fn rows(&self) -> Vec<Row> {
        let pods: Samples = self.pods.iter().map(|pod| pod.took).collect();
        let raw: Samples = self.raw.iter().map(Stages::total).collect();
        let mut rows = Vec::new();
        for (figure, share) in [("p50", 0.5), ("p99", 0.99)] {
            let (pod, raw) = (pods.percentile_ms(share), raw.percentile_ms(share));
            rows.push(
                Row::of_one(
                    format!("create to Running, {figure}"),
                    Unit::Milliseconds,
                    pod,
                )
                .beside("raw CRI calls", raw),
            );
            rows.push(
                Row::of_one(format!("its ratio, {figure}"), Unit::Ratio, pod / raw)
                    .target(Target::AtMost(TARGET_RATIO)),
            );
        }
        rows.extend(of_stages(&self.ways));
        let raw = |what: &str, stage: fn(&Stages) -> std::time::Duration| {
            let samples: Samples = self.raw.iter().map(stage).collect();
            samples.row(format!("raw {what}"))
        };
        rows.push(raw("RunPodSandbox", |stages| stages.sandbox));
        rows.push(raw("CreateContainer", |stages| stages.create));
        rows.push(raw("StartContainer", |stages| stages.start));
        rows
    }
}
