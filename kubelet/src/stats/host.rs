//! What the whole node uses, as the kernel says.

use std::fs;

use crate::machine::memory_bytes;

/// The kernel counts the time of processors in hundredths of a second (`USER_HZ`, the same on every architecture).
const TICK_NANOS: u64 = 10_000_000;

/// Time of processors up to a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CpuTotal {
    pub(crate) nanos: u64,
    /// In nanoseconds since 1970.
    pub(crate) at: i64,
}

/// What the node uses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct HostSample {
    pub(crate) cpu: CpuTotal,
    /// Memory that is not free, with caches.
    pub(crate) memory_usage_bytes: u64,
    /// Memory that could not be had without writing or swapping.
    pub(crate) memory_working_set_bytes: u64,
    pub(crate) memory_total_bytes: u64,
}

impl HostSample {
    /// Looks at the node; `now` in nanoseconds since 1970.
    pub(super) fn look(now: i64) -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        Self::parse(&read("/proc/stat"), &read("/proc/meminfo"), now)
    }

    fn parse(stat: &str, meminfo: &str, now: i64) -> Self {
        let memory = |name: &str| u64::try_from(memory_bytes(meminfo, name)).unwrap_or(0);
        let total = memory("MemTotal");
        let used = total.saturating_sub(memory("MemFree"));
        Self {
            cpu: CpuTotal {
                nanos: busy_ticks(stat) * TICK_NANOS,
                at: now,
            },
            memory_usage_bytes: used,
            memory_working_set_bytes: used.saturating_sub(memory("Inactive(file)")),
            memory_total_bytes: total,
        }
    }
}

/// Ticks in which the processors did anything: all but idle and waiting for disks (proc(5)).
fn busy_ticks(stat: &str) -> u64 {
    let all = stat.lines().find_map(|line| line.strip_prefix("cpu "));
    let ticks = all.unwrap_or_default().split_whitespace();
    let ticks: Vec<u64> = ticks.filter_map(|tick| tick.parse().ok()).collect();
    // user, nice, system, idle, iowait, irq, softirq, steal; guest time is part of user.
    let busy = [0, 1, 2, 5, 6, 7].map(|at| ticks.get(at).copied().unwrap_or(0));
    busy.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_files_are_understood() {
        let stat = "cpu  100 20 30 4000 500 6 7 8 9 0\ncpu0 1 2 3 4\n";
        let meminfo = "MemTotal: 1000 kB\nMemFree: 300 kB\nInactive(file): 200 kB\n";
        let sample = HostSample::parse(stat, meminfo, 5);
        assert_eq!(sample.cpu.nanos, 171 * TICK_NANOS);
        assert_eq!(sample.memory_usage_bytes, 700 * 1024);
        assert_eq!(sample.memory_working_set_bytes, 500 * 1024);
        assert_eq!(
            HostSample::parse("", "", 5).cpu,
            CpuTotal { nanos: 0, at: 5 }
        );
    }
}
