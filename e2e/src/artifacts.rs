//! Where cargo put what is tested: found from the place of the running test.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// The binary under test: `SKIFF_BIN`, or `skiff` of the same build profile as the test.
pub fn skiff_binary() -> Result<PathBuf> {
    match env::var_os("SKIFF_BIN") {
        Some(path) => existing(PathBuf::from(path), "SKIFF_BIN names no file"),
        None => existing(
            profile_dir()?.join("skiff"),
            "build it first: cargo build --bin skiff",
        ),
    }
}

/// An example program of the workspace, as `cargo build --examples` leaves it.
pub fn example_binary(name: &str) -> Result<PathBuf> {
    existing(
        profile_dir()?.join("examples").join(name),
        "build it first: cargo build --workspace --examples",
    )
}

/// Cargo's target folder.
pub(crate) fn target_dir() -> Result<PathBuf> {
    let profile = profile_dir()?;
    Ok(profile
        .parent()
        .context("a build profile has a parent folder")?
        .to_owned())
}

/// `target/debug` or its like: tests run in its `deps`, programs in itself.
fn profile_dir() -> Result<PathBuf> {
    let exe = env::current_exe().context("find the running test")?;
    let dir = exe.parent().unwrap_or(Path::new("/"));
    let in_subfolder = dir.ends_with("deps") || dir.ends_with("examples");
    let profile = if in_subfolder {
        dir.parent()
    } else {
        Some(dir)
    };
    Ok(profile
        .context("the test stands in no build profile")?
        .to_owned())
}

fn existing(path: PathBuf, hint: &str) -> Result<PathBuf> {
    ensure!(path.is_file(), "{} is missing: {hint}", path.display());
    Ok(path)
}
