//! Many small walkthroughs on one cluster, each in a namespace of its own.

use std::time::Instant;

use anyhow::{Result, ensure};

use crate::kubectl::Kubectl;
use crate::terminal::Terminal;

/// What a case is called, as a namespace can be, and what its user does.
pub type Case = (&'static str, fn(&Terminal) -> Result<()>);

/// Walks through all cases with the machine's `kubectl`, and fails with the complaints of all that failed.
pub fn walk_through(terminal: &Terminal, cases: &[Case]) -> Result<()> {
    judge(&walk(terminal, "", cases)?)
}

/// [`walk_through`], and once more with a `kubectl` of 1.29 or older, which streams over SPDY.
pub fn walk_through_with_an_older_kubectl(terminal: &Terminal, cases: &[Case]) -> Result<()> {
    let older = terminal.with_kubectl(&Kubectl::find_old()?)?;
    let complaints = walk(terminal, "", cases)? + &walk(&older, "-older", cases)?;
    judge(&complaints)
}

/// [`walk_through`] with every `kubectl` that is found, one after the other; prints how each fared in each case.
pub fn walk_through_with_every_kubectl(terminal: &Terminal, cases: &[Case]) -> Result<()> {
    let all = Kubectl::find_all()?;
    if let [only] = &all[..] {
        println!("there is one kubectl only: 1.{}", only.minor);
    }
    let mut complaints = String::new();
    for kubectl in &all {
        println!("kubectl 1.{}", kubectl.minor);
        let suffix = format!("-1-{}", kubectl.minor);
        complaints += &walk(&terminal.with_kubectl(kubectl)?, &suffix, cases)?;
        // The machine has room for the Pods of one version.
        for (name, _) in cases {
            terminal.kubectl(&format!("delete namespace {name}{suffix} --wait=false"))?;
        }
    }
    judge(&complaints)
}

fn judge(complaints: &str) -> Result<()> {
    ensure!(complaints.is_empty(), "{complaints}");
    Ok(())
}

/// Walks through the cases in namespaces of their names with this suffix; the complaints of those that failed.
fn walk(terminal: &Terminal, suffix: &str, cases: &[Case]) -> Result<String> {
    let mut complaints = String::new();
    for (name, case) in cases {
        let started = Instant::now();
        let terminal = terminal.in_namespace(&format!("{name}{suffix}"))?;
        let walked = case(&terminal);
        let verdict = if walked.is_ok() { "ok" } else { "FAILED" };
        println!(
            "  {name}: {verdict} in {:.1} s",
            started.elapsed().as_secs_f64()
        );
        if let Err(error) = walked {
            complaints += &format!("\n{name}{suffix}: {error:?}\n");
        }
    }
    Ok(complaints)
}

impl Terminal {
    /// The namespace that its `kubectl` works in.
    pub fn default_namespace(&self) -> Result<String> {
        self.kubectl("config view --minify -o 'jsonpath={..namespace}'")
    }

    /// Types each line after `kubectl`: all must succeed, and say these words on either output.
    pub fn says(&self, lines: &[(&str, &str)]) -> Result<()> {
        for (line, words) in lines {
            let output = self.output(&format!("kubectl {line}"), "")?;
            let said = output.stdout + &output.stderr;
            ensure!(output.success, "`kubectl {line}` failed:\n{said}");
            let words = self.in_its_words(words);
            ensure!(
                said.contains(&words),
                "`kubectl {line}` does not say {words:?}:\n{said}"
            );
        }
        Ok(())
    }

    /// Types each line after `kubectl`: all must fail, and complain with these words.
    pub fn complains(&self, lines: &[(&str, &str)]) -> Result<()> {
        for (line, words) in lines {
            let said = self.refused(&format!("kubectl {line}"))?;
            let words = self.in_its_words(words);
            ensure!(
                said.contains(&words),
                "`kubectl {line}` does not complain {words:?}:\n{said}"
            );
        }
        Ok(())
    }
}
