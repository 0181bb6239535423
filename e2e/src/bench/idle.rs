//! What a cluster takes that has nothing to do, with or without Pods on its node.

use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::report::{Row, Target, Unit};
use super::resources::{Process, Wakeups};
use super::tell;

/// How long after its start, or after its last Pod's, a cluster has come to rest.
const SETTLING: Duration = Duration::from_secs(15);
/// What a cluster without Pods shall take at most.
pub(super) const EMPTY: Limits = Limits {
    resident_mib: 60.0,
    core_percent: 0.5,
};

/// What skiff shall take at most.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Memory that is resident.
    pub(super) resident_mib: f64,
    /// The share of one core.
    pub(super) core_percent: f64,
}

/// Looks at the processes of a node with this data directory once they have come to rest, and again `seconds` later.
/// Rows begin with `what`.
pub(super) fn measure(
    data_dir: &Path,
    what: &str,
    seconds: u64,
    limits: Limits,
) -> Result<Vec<Row>> {
    tell(&format!("{what}, for {seconds} s"));
    sleep(SETTLING);
    let (skiff, containerd) = processes(data_dir)?;
    let began = Instant::now();
    let before = [Taken::by(&skiff)?, Taken::by(&containerd)?];
    sleep(Duration::from_secs(seconds));
    let time = began.elapsed();
    let [skiff_took, containerd_took] = [
        Taken::by(&skiff)?.since(&before[0]),
        Taken::by(&containerd)?.since(&before[1]),
    ];
    let both = |figure: &str, unit, of: &dyn Fn(&Took) -> f64| {
        Row::of_one(format!("{what}, {figure}"), unit, of(&skiff_took))
            .beside("containerd", of(&containerd_took))
    };
    let a_second = |count: f64| count / time.as_secs_f64();
    let row =
        |figure: &str, value| Row::of_one(format!("{what}, {figure}"), Unit::Mebibytes, value);
    Ok(vec![
        row("resident", skiff.resident_mib()?)
            .target(Target::AtMost(limits.resident_mib))
            .beside("containerd", containerd.resident_mib()?),
        row("proportional", skiff.proportional_mib()?)
            .beside("containerd", containerd.proportional_mib()?),
        both("of one core", Unit::Percent, &|took| {
            a_second(took.cpu.as_secs_f64()) * 100.0
        })
        .target(Target::AtMost(limits.core_percent)),
        both("wake-ups", Unit::PerSecond, &|took| a_second(took.wakeups)),
        both("written", Unit::BytesPerSecond, &|took| {
            a_second(took.written_bytes)
        }),
    ])
}

/// The memory once the other benches are over.
pub(super) fn after_the_load(data_dir: &Path) -> Result<Vec<Row>> {
    let (skiff, containerd) = processes(data_dir)?;
    Ok(vec![
        Row::of_one(
            "resident after the load",
            Unit::Mebibytes,
            skiff.resident_mib()?,
        )
        .beside("containerd", containerd.resident_mib()?),
    ])
}

fn processes(data_dir: &Path) -> Result<(Process, Process)> {
    Ok((
        Process::of_pid_file(&data_dir.join("skiff.pid"))?,
        Process::of_pid_file(&data_dir.join("containerd/containerd.pid"))?,
    ))
}

/// What a process took so far.
#[derive(Debug)]
struct Taken {
    cpu: Duration,
    written_bytes: f64,
    wakeups: Wakeups,
}

/// What it took in some time.
#[derive(Debug)]
struct Took {
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

    fn since(&self, before: &Self) -> Took {
        Took {
            cpu: self.cpu.saturating_sub(before.cpu),
            written_bytes: self.written_bytes - before.written_bytes,
            wakeups: self.wakeups.since(&before.wakeups),
        }
    }
}
