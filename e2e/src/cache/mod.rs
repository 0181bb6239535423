//! What takes long to make is made once and kept in `target/e2e-cache`, by the content it is made from.

mod uses;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::artifacts::target_dir;
use uses::{DIGITS, Uses};

/// The folder of everything that outlives a test run: packages, images, VM files.
pub fn cache_dir() -> Result<PathBuf> {
    let dir = target_dir()?.join("e2e-cache");
    fs::create_dir_all(&dir).with_context(|| format!("create {}", dir.display()))?;
    Ok(dir)
}

/// Returns the path of what `build` makes out of `inputs`, building it only when no earlier process has.
///
/// `build` gets an empty path to make a file or a folder at. Processes that ask for the same thing
/// at the same time wait for the one that builds. What was made of other inputs goes a day after its last use.
pub fn once(name: &str, inputs: &[u8], build: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let cache = cache_dir()?;
    let made = cache.join(format!("{name}-{}", &digest(inputs)[..DIGITS]));
    let uses = Uses::new(&cache, name);
    if uses.take(&made)? {
        return Ok(made);
    }
    let _lock = lock(&cache.join(format!("{name}.lock")))?;
    if uses.take(&made)? {
        return Ok(made);
    }
    let unfinished = cache.join(format!("{name}.unfinished"));
    remove(&unfinished)?;
    build(&unfinished).with_context(|| format!("build {name} for the test cache"))?;
    fs::rename(&unfinished, &made).with_context(|| format!("keep {}", made.display()))?;
    uses.take(&made)?;
    uses.clear(SystemTime::now())?;
    Ok(made)
}

/// Takes the lock file at `path`, waiting for its holder; it is free again when the result is dropped.
pub(crate) fn lock(path: &Path) -> Result<File> {
    let file = File::create(path).with_context(|| format!("create {}", path.display()))?;
    file.lock()
        .with_context(|| format!("lock {}", path.display()))?;
    Ok(file)
}

/// Removes a file or a folder, if there is one.
pub(crate) fn remove(path: &Path) -> Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Err(_) => return Ok(()),
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
    };
    removed.with_context(|| format!("remove {}", path.display()))
}

/// The SHA-256 of `bytes` in lower-case hexadecimal digits.
pub(crate) fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// `bytes` as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
