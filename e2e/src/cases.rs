//! Many small walkthroughs on one cluster, each in a namespace of its own.

use std::path::Path;

use anyhow::{Result, ensure};

use crate::kubectl;
use crate::terminal::Terminal;

/// What a case is called, as a namespace can be, and what its user does.
pub type Case = (&'static str, fn(&Terminal) -> Result<()>);

/// Walks through all cases with the machine's `kubectl`, and fails with the complaints of all that failed.
pub fn walk_through(terminal: &Terminal, cases: &[Case]) -> Result<()> {
    walk(terminal, "", cases)
}

/// [`walk_through`] with every `kubectl` that is found, one after the other; prints which they are.
pub fn walk_through_with_every_kubectl(terminal: &Terminal, cases: &[Case]) -> Result<()> {
    let programs = kubectl::find_all()?;
    for program in &programs {
        println!("with {}", program.display());
        walk(&terminal.with_kubectl(program)?, &version(program), cases)?;
    }
    Ok(())
}

/// Such as `-1-33`, from `kubectl.1.33`.
fn version(program: &Path) -> String {
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    name.replace("kubectl", "").replace('.', "-")
}

fn walk(terminal: &Terminal, suffix: &str, cases: &[Case]) -> Result<()> {
    let mut complaints = String::new();
    for (name, case) in cases {
        let terminal = terminal.in_namespace(&format!("{name}{suffix}"))?;
        if let Err(error) = case(&terminal) {
            complaints += &format!("\n{name}{suffix}: {error:?}\n");
        }
    }
    ensure!(complaints.is_empty(), "{complaints}");
    Ok(())
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
            ensure!(
                said.contains(words),
                "`kubectl {line}` does not say {words:?}:\n{said}"
            );
        }
        Ok(())
    }

    /// Types each line after `kubectl`: all must fail, and complain with these words.
    pub fn complains(&self, lines: &[(&str, &str)]) -> Result<()> {
        for (line, words) in lines {
            let said = self.refused(&format!("kubectl {line}"))?;
            ensure!(
                said.contains(words),
                "`kubectl {line}` does not complain {words:?}:\n{said}"
            );
        }
        Ok(())
    }
}
