//! What a cluster takes that has nothing to do.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::options::Load;
use super::report::{Row, Target, Unit};
use super::resources::Process;
use super::tell;
use crate::Node;

/// How long after its start a cluster has come to rest.
const SETTLING: Duration = Duration::from_secs(15);
/// The resident memory that all of skiff shall have at most.
const TARGET_MIB: f64 = 60.0;
/// The share of one core that it shall take at most.
const TARGET_CORE_PERCENT: f64 = 0.5;

/// Looks at the processes of a fresh cluster, then again after some time.
pub(super) fn measure(node: &Node, load: &Load) -> Result<Vec<Row>> {
    tell(&format!("idle, for {} s", load.idle_s));
    sleep(SETTLING);
    let (skiff, containerd) = processes(node)?;
    let began = Instant::now();
    let before = [Taken::by(&skiff)?, Taken::by(&containerd)?];
    sleep(Duration::from_secs(load.idle_s));
    let time = began.elapsed();
    let [skiff_took, containerd_took] = [
        Taken::by(&skiff)?.since(&before[0]),
        Taken::by(&containerd)?.since(&before[1]),
    ];
    let percent = |taken: &Taken| taken.cpu.as_secs_f64() / time.as_secs_f64() * 100.0;
    let per_second = |count: f64| count / time.as_secs_f64();
    Ok(vec![
        Row::of_one("idle, resident", Unit::Mebibytes, skiff.resident_mib()?)
            .target(Target::AtMost(TARGET_MIB))
            .beside("containerd", containerd.resident_mib()?),
        Row::of_one(
            "idle, proportional",
            Unit::Mebibytes,
            skiff.proportional_mib()?,
        )
        .beside("containerd", containerd.proportional_mib()?),
        Row::of_one("idle, of one core", Unit::Percent, percent(&skiff_took))
            .target(Target::AtMost(TARGET_CORE_PERCENT))
            .beside("containerd", percent(&containerd_took)),
        Row::of_one(
            "idle, wake-ups",
            Unit::PerSecond,
            per_second(skiff_took.wakeups),
        )
        .beside("containerd", per_second(containerd_took.wakeups)),
        Row::of_one(
            "idle, written",
            Unit::BytesPerSecond,
            per_second(skiff_took.written_bytes),
        )
        .beside("containerd", per_second(containerd_took.written_bytes)),
    ])
}

/// The memory once the other benches are over.
pub(super) fn after_the_load(node: &Node) -> Result<Vec<Row>> {
    let (skiff, containerd) = processes(node)?;
    Ok(vec![
        Row::of_one(
            "resident after the load",
            Unit::Mebibytes,
            skiff.resident_mib()?,
        )
        .beside("containerd", containerd.resident_mib()?),
    ])
}

fn processes(node: &Node) -> Result<(Process, Process)> {
    Ok((
        Process::of_pid_file(&node.data_dir().join("skiff.pid"))?,
        Process::of_pid_file(&node.data_dir().join("containerd/containerd.pid"))?,
    ))
}

/// What a process took so far.
#[derive(Debug)]
struct Taken {
    cpu: Duration,
    written_bytes: f64,
    wakeups: f64,
}

impl Taken {
    fn by(process: &Process) -> Result<Self> {
        Ok(Self {
            cpu: process.cpu_time()?,
            written_bytes: process.written_bytes()?,
            wakeups: process.wakeups()?,
        })
    }

    fn since(&self, before: &Self) -> Self {
        Self {
            cpu: self.cpu.saturating_sub(before.cpu),
            written_bytes: self.written_bytes - before.written_bytes,
            // The switches of threads that ended meanwhile are no longer counted.
            wakeups: (self.wakeups - before.wakeups).max(0.0),
        }
    }
}
