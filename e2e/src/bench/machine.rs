//! What the figures were taken on.

use std::fs;
use std::thread::available_parallelism;

/// Above this load average others work on the machine, and figures are theirs too.
const QUIET: f64 = 0.5;

/// The machine in one line, with what else it had to do.
pub(super) fn describe() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cores = available_parallelism().map_or(0, usize::from);
    let cpus = read("/proc/cpuinfo");
    let cpu = cpus
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("unknown CPU", |rest| {
            rest.trim_start_matches([' ', '\t', ':'])
        });
    let kernel = read("/proc/sys/kernel/osrelease");
    let load = read("/proc/loadavg");
    let load = load.split(' ').next().unwrap_or_default();
    let busy = load.parse::<f64>().is_ok_and(|load| load > QUIET);
    let warning = if busy { " (not quiet)" } else { "" };
    format!(
        "{cores} cores of {cpu}, Linux {}, load average {load}{warning}",
        kernel.trim()
    )
}

/// How this program was built: figures of a debug build say little.
pub(super) fn build() -> &'static str {
    if cfg!(debug_assertions) {
        "debug build, not for comparing"
    } else {
        "release build"
    }
}
