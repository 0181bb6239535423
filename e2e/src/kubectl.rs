//! Finding the real `kubectl`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{Context, Result};

use crate::command::output;

/// A `kubectl` that is there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Kubectl {
    /// 33 of 1.33.
    pub(crate) minor: u32,
    pub(crate) path: PathBuf,
}

impl Kubectl {
    /// The `kubectl` to test with: the environment's `KUBECTL`, else that on the `PATH`.
    pub(crate) fn find() -> Result<Self> {
        let path = match env::var_os("KUBECTL") {
            Some(path) => PathBuf::from(path),
            None => on_path().context(
                "kubectl is missing: install it (https://kubernetes.io/docs/tasks/tools/) \
                 or name it by KUBECTL",
            )?,
        };
        let version = version_of(&path)?;
        if version.contains("dispatcher") {
            return behind_dispatcher(&path);
        }
        let minor = minor_of(&version).context("kubectl tells no version")?;
        Ok(Self { minor, path })
    }

    /// Every `kubectl` to test with: the versioned ones beside a vendor's dispatcher, oldest first, else the only one.
    pub(crate) fn find_all() -> Result<Vec<Self>> {
        let beside = on_path().map(|path| versions_beside(&path));
        match beside.filter(|versions| !versions.is_empty()) {
            Some(versions) => Ok(versions),
            None => Ok(vec![Self::find()?]),
        }
    }

    /// A `kubectl` that speaks SPDY: the environment's `KUBECTL_OLD`, else one beside a vendor's dispatcher.
    pub(crate) fn find_old() -> Result<Self> {
        if let Some(path) = env::var_os("KUBECTL_OLD") {
            let path = PathBuf::from(path);
            let minor = minor_of(&version_of(&path)?).context("KUBECTL_OLD tells no version")?;
            return Ok(Self { minor, path });
        }
        let found = on_path().and_then(|path| newest_beside(&path, FIRST_WITH_WEBSOCKET));
        found.context("no kubectl of 1.29 or older: name one by KUBECTL_OLD")
    }
}

/// The first minor version whose `kubectl` streams over WebSocket by itself.
const FIRST_WITH_WEBSOCKET: u32 = 30;

fn version_of(path: &Path) -> Result<String> {
    output(Command::new(path).args(["version", "--client"]))
}

/// 33 of `Client Version: v1.33.1`.
fn minor_of(version: &str) -> Option<u32> {
    let (_, rest) = version.split_once("v1.")?;
    let (minor, _) = rest.split_once('.')?;
    minor.parse().ok()
}

fn on_path() -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?)
        .map(|dir| dir.join("kubectl"))
        .find(|path| path.is_file())
}

/// Some vendors' `kubectl` starts the one beside it that fits the server's version and hides its
/// errors by that: take the newest of those.
fn behind_dispatcher(dispatcher: &Path) -> Result<Kubectl> {
    newest_beside(dispatcher, u32::MAX).with_context(|| {
        format!(
            "{} has no versioned kubectl beside it",
            dispatcher.display()
        )
    })
}

/// The newest `kubectl.1.<minor>` beside this one whose minor version is below `before`.
fn newest_beside(dispatcher: &Path, before: u32) -> Option<Kubectl> {
    let mut versions = versions_beside(dispatcher);
    versions.retain(|kubectl| kubectl.minor < before);
    versions.pop()
}

/// Every `kubectl.1.<minor>` beside this one, by its minor version.
fn versions_beside(dispatcher: &Path) -> Vec<Kubectl> {
    let real = fs::canonicalize(dispatcher).unwrap_or_default();
    let entries = real.parent().and_then(|folder| fs::read_dir(folder).ok());
    let versions = entries.into_iter().flatten().flatten().filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        let minor = name.strip_prefix("kubectl.1.")?.parse().ok()?;
        let path = entry.path();
        Some(Kubectl { minor, path })
    });
    let mut versions: Vec<_> = versions.collect();
    versions.sort();
    versions
}
