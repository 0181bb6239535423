//! Finding the real `kubectl`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{Context, Result, ensure};

use crate::command::output;

/// The `kubectl` to test with: the environment's `KUBECTL`, else that on the `PATH`.
pub(crate) fn find() -> Result<PathBuf> {
    let path = match env::var_os("KUBECTL") {
        Some(path) => PathBuf::from(path),
        None => on_path().context(
            "kubectl is missing: install it (https://kubernetes.io/docs/tasks/tools/) \
             or name it by KUBECTL",
        )?,
    };
    let version = output(Command::new(&path).args(["version", "--client"]))?;
    if version.contains("dispatcher") {
        return behind_dispatcher(&path);
    }
    Ok(path)
}

fn on_path() -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?)
        .map(|dir| dir.join("kubectl"))
        .find(|path| path.is_file())
}

/// Some vendors' `kubectl` starts the one beside it that fits the server's version and hides its
/// errors by that: take the newest of those.
fn behind_dispatcher(dispatcher: &Path) -> Result<PathBuf> {
    let real = fs::canonicalize(dispatcher)?;
    let dir = real.parent().unwrap_or(Path::new("/"));
    let newest = fs::read_dir(dir)?
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let minor: u32 = name.strip_prefix("kubectl.1.")?.parse().ok()?;
            Some((minor, entry.path()))
        })
        .max();
    let found = newest.map(|(_, path)| path);
    ensure!(
        found.is_some(),
        "{} has no versioned kubectl beside it",
        real.display()
    );
    found.context("checked above")
}
