//! Debian packages as a source of real programs: fetched with apt, unpacked without installing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::cache::{cache_dir, lock};
use crate::command::output;

/// Unpacks `packages` over each other into the folder `root`. Nothing of theirs is run.
pub(crate) fn unpack(packages: &[&str], root: &Path) -> Result<()> {
    fs::create_dir_all(root)?;
    for archive in fetch(packages)? {
        output(
            Command::new("dpkg-deb")
                .arg("--extract")
                .arg(&archive)
                .arg(root),
        )?;
    }
    Ok(())
}

/// `package` and all it depends on, but for `without`: those the machine or the target has anyway.
pub(crate) fn with_dependencies(package: &str, without: &[&str]) -> Result<Vec<String>> {
    let listing = output(
        Command::new("apt-cache")
            .args(["depends", "--recurse", "--no-recommends", "--no-suggests"])
            .args([
                "--no-conflicts",
                "--no-breaks",
                "--no-replaces",
                "--no-enhances",
            ])
            .arg(package),
    )?;
    let mut names: Vec<String> = listing
        .lines()
        .filter(|line| line.starts_with(|first: char| first.is_ascii_alphanumeric()))
        .filter(|line| !without.contains(line))
        .map(str::to_owned)
        .collect();
    names.sort();
    names.dedup();
    ensure!(!names.is_empty(), "apt knows no package {package}");
    Ok(names)
}

/// The archives of `packages`, downloaded unless the cache has them.
fn fetch(packages: &[&str]) -> Result<Vec<PathBuf>> {
    let dir = cache_dir()?.join("debs");
    fs::create_dir_all(&dir)?;
    let _lock = lock(&dir.join(".lock"))?;
    let missing: Vec<&str> = packages
        .iter()
        .copied()
        .filter(|package| archive(&dir, package).is_none())
        .collect();
    if !missing.is_empty() && download(&missing, &dir).is_err() {
        // The package lists are older than the mirror: what they name is gone from it.
        output(Command::new("apt-get").args(["update", "--quiet=2"]))?;
        download(&missing, &dir)?;
    }
    packages
        .iter()
        .map(|package| archive(&dir, package).with_context(|| format!("apt fetched no {package}")))
        .collect()
}

fn download(packages: &[&str], dir: &Path) -> Result<String> {
    output(
        Command::new("apt-get")
            // The user that apt downloads as by default may not write into the cache.
            .args(["--quiet=2", "-o", "APT::Sandbox::User=root", "download"])
            .args(packages)
            .current_dir(dir),
    )
}

fn archive(dir: &Path, package: &str) -> Option<PathBuf> {
    let prefix = format!("{package}_");
    let entries = fs::read_dir(dir).ok()?.flatten().map(|entry| entry.path());
    entries
        .filter(|path| path.extension().is_some_and(|extension| extension == "deb"))
        .find(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with(&prefix)
        })
}
