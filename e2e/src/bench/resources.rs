//! What a process takes of the machine, from `/proc`.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use nix::unistd::{SysconfVar, sysconf};

/// A process to look at.
#[derive(Debug)]
pub(super) struct Process {
    dir: PathBuf,
}

/// How often threads woke up, by the thread.
#[derive(Debug)]
pub(super) struct Wakeups(HashMap<OsString, f64>);

impl Wakeups {
    /// Those since an earlier look; what threads did that have ended meanwhile is not known.
    pub(super) fn since(&self, before: &Self) -> f64 {
        let new = self.0.iter().map(|(thread, count)| {
            let before = before.0.get(thread).copied();
            count - before.unwrap_or_default()
        });
        new.sum()
    }
}

impl Process {
    /// The process whose id stands in a file.
    pub(super) fn of_pid_file(file: &Path) -> Result<Self> {
        let pid = fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
        let pid: u32 = pid
            .trim()
            .parse()
            .with_context(|| format!("{}: {pid:?}", file.display()))?;
        Ok(Self::of_id(pid))
    }

    /// The process of this id.
    pub(super) fn of_id(pid: u32) -> Self {
        Self {
            dir: PathBuf::from(format!("/proc/{pid}")),
        }
    }

    /// The memory that is resident, in MiB.
    pub(super) fn resident_mib(&self) -> Result<f64> {
        Ok(self.number("status", "VmRSS:")? / 1024.0)
    }

    /// The resident memory, what is shared divided by those who share it, in MiB.
    pub(super) fn proportional_mib(&self) -> Result<f64> {
        Ok(self.number("smaps_rollup", "Pss:")? / 1024.0)
    }

    /// Bytes that it caused to be written to disks so far.
    pub(super) fn written_bytes(&self) -> Result<f64> {
        self.number("io", "write_bytes:")
    }

    /// The CPU time of all its threads so far, those that ended included.
    pub(super) fn cpu_time(&self) -> Result<Duration> {
        let stat = self.read("stat")?;
        // The second field is the program's name in parentheses, which may hold anything.
        let (_, fields) = stat.rsplit_once(") ").context("a stat has a name")?;
        // Fields 14 and 15 of proc_pid_stat(5), counted after the first two.
        let ticks = fields.split(' ').skip(11).take(2).map(str::parse::<f64>);
        let ticks: f64 = ticks.sum::<Result<_, _>>()?;
        let per_second = sysconf(SysconfVar::CLK_TCK)?.context("the kernel has a clock tick")?;
        Ok(Duration::from_secs_f64(ticks / per_second as f64))
    }

    /// How often each of its threads woke up by itself so far.
    pub(super) fn wakeups(&self) -> Result<Wakeups> {
        let mut of_threads = HashMap::new();
        for task in fs::read_dir(self.dir.join("task"))? {
            let task = task?;
            // A thread may end while it is looked at.
            if let Ok(status) = fs::read_to_string(task.path().join("status")) {
                let count = value(&status, "voluntary_ctxt_switches:")?;
                of_threads.insert(task.file_name(), count);
            }
        }
        Ok(Wakeups(of_threads))
    }

    fn number(&self, file: &str, key: &str) -> Result<f64> {
        value(&self.read(file)?, key).with_context(|| format!("{}/{file}", self.dir.display()))
    }

    fn read(&self, file: &str) -> Result<String> {
        let path = self.dir.join(file);
        fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))
    }
}

/// The number after `key`, at the beginning of a line.
fn value(text: &str, key: &str) -> Result<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    let number = line.and_then(|rest| rest.split_whitespace().next());
    let number = number.with_context(|| format!("it has no {key}"))?;
    Ok(number.parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn this() -> Process {
        Process {
            dir: PathBuf::from("/proc/self"),
        }
    }

    #[test]
    fn this_process_takes_something() -> Result<()> {
        let process = this();
        let resident = process.resident_mib()?;
        assert!(resident > 1.0 && resident < 10_000.0, "{resident} MiB");
        assert!(process.proportional_mib()? <= resident + 1.0);
        Ok(())
    }

    #[test]
    fn threads_that_ended_do_not_count() {
        let look = |threads: &[(&str, f64)]| {
            let threads = threads.iter();
            Wakeups(
                threads
                    .map(|(thread, count)| ((*thread).into(), *count))
                    .collect(),
            )
        };
        let before = look(&[("1", 10.0), ("2", 500.0)]);
        let after = look(&[("1", 13.0), ("3", 4.0)]);
        assert!((after.since(&before) - 7.0).abs() < 1e-9);
    }

    #[test]
    fn work_takes_cpu_time() -> Result<()> {
        let process = this();
        let before = process.cpu_time()?;
        let began = std::time::Instant::now();
        let mut spent = Duration::ZERO;
        while spent < Duration::from_millis(50) && began.elapsed() < Duration::from_secs(20) {
            spent = process.cpu_time()? - before;
        }
        assert!(spent >= Duration::from_millis(50), "{spent:?}");
        Ok(())
    }

    #[test]
    fn a_value_stands_after_its_key() {
        let text = "Name:\tVmRSS: 7\nVmRSS:\t  123 kB\n";
        assert_eq!(value(text, "VmRSS:").ok(), Some(123.0));
        assert!(value(text, "VmSwap:").is_err());
    }
}
