//! A load of HTTP requests by wrk, with the count of which Pod answered.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::process::{Child, Stdio};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::namespace::Namespace;
use crate::wait::eventually;

const SCRIPT: &str = include_str!("../load/answers.lua");
/// Longer than any walkthrough: a load is ended, it does not end.
const LONGEST: &str = "-d3600s";
/// A request that takes longer has failed.
const TIMEOUT: &str = "--timeout=20s";
const END_WITHIN_S: u64 = 30;

/// Requests that go on until they are told to end.
#[derive(Debug)]
pub struct Load {
    wrk: Child,
    /// Of the script and of what wrk prints.
    dir: tempfile::TempDir,
}

impl Load {
    /// Asks `url`, which answers with the name of a Pod, from inside `namespace` over eight connections, which stay
    /// open as long as the server lets them unless a header of `headers` says `Connection: close`.
    pub fn start(namespace: &Namespace, url: &str, headers: &[&str]) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let script = dir.path().join("answers.lua");
        fs::write(&script, SCRIPT)?;
        let report = File::create(dir.path().join("report"))?;
        let mut command = namespace.command("wrk");
        command.args(["-t1", "-c8", LONGEST, TIMEOUT]);
        for header in headers {
            command.args(["-H", header]);
        }
        command.arg("-s").arg(script).arg(url);
        // In the test's own process group: it ends with a test that is ended.
        command.stdin(Stdio::null());
        command.stdout(report.try_clone()?).stderr(report);
        let wrk = command.spawn().context("start wrk")?;
        Ok(Self { wrk, dir })
    }

    /// Ends it, and returns how many requests each Pod answered. Fails if one request did: it was refused, cut off, late
    /// or answered with another status than 200.
    pub fn end(mut self) -> Result<BTreeMap<String, u64>> {
        kill(Pid::from_raw(i32::try_from(self.wrk.id())?), Signal::SIGINT)?;
        eventually("wrk to end", END_WITHIN_S, || {
            self.wrk.try_wait()?.context("it runs on")
        })?;
        let report = fs::read_to_string(self.dir.path().join("report"))?;
        answers(&report).with_context(|| report.clone())
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        // That it has ended already is no error.
        let _ = self.wrk.kill();
        let _ = self.wrk.wait();
    }
}

fn answers(report: &str) -> Result<BTreeMap<String, u64>> {
    let mut failed = None;
    let mut answered = BTreeMap::new();
    for line in report.lines() {
        match line.split_whitespace().collect::<Vec<_>>()[..] {
            ["answered", pod, count] => {
                *answered.entry(pod.to_owned()).or_default() += count.parse::<u64>()?;
            }
            ["failed", count] => failed = Some(count.parse::<u64>()?),
            _ => {}
        }
    }
    let failed = failed.context("wrk did not come to its end")?;
    // What the script counts and what wrk says are the same errors.
    let complains = ["Socket errors", "Non-2xx"].map(|words| report.contains(words));
    ensure!(
        failed == 0 && complains == [false; 2],
        "{failed} requests failed"
    );
    Ok(answered)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_tells_who_answered_unless_something_failed() {
        let good = "Running 1h test\n  12 requests in 1.00s\nanswered\tweb-a\t7\nanswered\tweb-b\t5\nfailed\t0\n";
        let expected = BTreeMap::from([("web-a".to_owned(), 7), ("web-b".to_owned(), 5)]);
        assert_eq!(answers(good).ok(), Some(expected));
        for bad in [
            "unable to connect to 10.96.0.7:80 Connection refused\n",
            "answered\tweb-a\t7\nfailed\t1\n",
            "  Socket errors: connect 0, read 1, write 0, timeout 0\nfailed\t0\n",
            "  Non-2xx or 3xx responses: 1\nfailed\t0\n",
        ] {
            assert!(answers(bad).is_err(), "{bad}");
        }
    }
}
