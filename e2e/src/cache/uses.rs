//! When the things of one name were used last, so that those that nobody uses any more can go: each new content makes another.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};

use super::remove;

/// How long a thing stays after its last use: another commit or another test may want it again.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);
/// The length of the digest at the end of a thing's name.
pub(super) const DIGITS: usize = 12;

/// The things of one name in the cache, which differ in what they are made from.
pub(super) struct Uses<'a> {
    cache: &'a Path,
    name: &'a str,
}

impl<'a> Uses<'a> {
    pub(super) fn new(cache: &'a Path, name: &'a str) -> Self {
        Self { cache, name }
    }

    /// Whether there is such a thing. If so it stays for [`KEPT`].
    pub(super) fn take(&self, thing: &Path) -> Result<bool> {
        // Nothing is taken away between the look and the stamp.
        let file = self.lock_file()?;
        file.lock_shared().context("lock what is used")?;
        let is_there = thing.exists();
        if is_there {
            stamp(thing)?;
        }
        Ok(is_there)
    }

    /// Removes what was not used for [`KEPT`], if nobody takes anything at this moment.
    pub(super) fn clear(&self, now: SystemTime) -> Result<()> {
        let file = self.lock_file()?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => return Ok(()),
            locked => locked.context("lock what is used")?,
        }
        for entry in fs::read_dir(self.cache)? {
            let thing = entry?.path();
            if !self.is_ours(&thing) {
                continue;
            }
            match fs::metadata(stamp_of(&thing)).and_then(|stamp| stamp.modified()) {
                Ok(used) if now.duration_since(used).is_ok_and(|idle| idle > KEPT) => {
                    remove(&thing)?;
                    remove(&stamp_of(&thing))?;
                }
                Ok(_) => {}
                // It is older than stamps are.
                Err(_) => stamp(&thing)?,
            }
        }
        Ok(())
    }

    /// Whether a path is the name, a dash and a digest: no other name is taken for this one.
    fn is_ours(&self, path: &Path) -> bool {
        let file = path.file_name().and_then(|file| file.to_str());
        let rest = file.and_then(|file| file.strip_prefix(self.name)?.strip_prefix('-'));
        rest.is_some_and(|rest| {
            rest.len() == DIGITS && rest.bytes().all(|it| it.is_ascii_hexdigit())
        })
    }

    fn lock_file(&self) -> Result<File> {
        let path = self.cache.join(format!("{}.uses", self.name));
        File::create(&path).with_context(|| format!("create {}", path.display()))
    }
}

fn stamp_of(thing: &Path) -> PathBuf {
    let mut path = thing.as_os_str().to_owned();
    path.push(".used");
    path.into()
}

fn stamp(thing: &Path) -> Result<()> {
    let path = stamp_of(thing);
    File::create(&path)
        .and_then(|stamp| stamp.set_modified(SystemTime::now()))
        .with_context(|| format!("stamp {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there(cache: &Path) -> Vec<String> {
        let entries = fs::read_dir(cache).expect("a folder").flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        let mut names: Vec<_> = names.filter(|name| !name.contains(".use")).collect();
        names.sort();
        names
    }

    #[test]
    fn what_nobody_has_used_for_a_day_goes() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let cache = dir.path();
        let (old, new) = (
            "image-busybox-1.28-0123456789ab",
            "image-busybox-1.28-ba9876543210",
        );
        let others = ["image-busybox-0123456789ab", "image-busybox-1.28.lock"];
        for name in [old, others[0]] {
            fs::create_dir(cache.join(name))?;
        }
        for name in [new, others[1]] {
            fs::write(cache.join(name), "")?;
        }
        let uses = Uses::new(cache, "image-busybox-1.28");
        let now = SystemTime::now();
        let (noon, evening) = (now + KEPT / 2, now + KEPT * 3 / 2);
        assert!(!uses.take(&cache.join("image-busybox-1.28-000000000000"))?);
        // What has no stamp has one from now on.
        uses.clear(evening)?;
        assert_eq!(there(cache).len(), 4);
        let stamp = File::create(stamp_of(&cache.join(new)))?;
        stamp.set_modified(noon)?;
        uses.clear(noon)?;
        assert_eq!(there(cache).len(), 4);
        uses.clear(evening)?;
        assert_eq!(there(cache), [others[0], new, others[1]]);
        assert!(!stamp_of(&cache.join(old)).exists());
        Ok(())
    }

    #[test]
    fn what_is_used_stays() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let thing = dir.path().join("registry-0123456789ab");
        fs::create_dir(&thing)?;
        let uses = Uses::new(dir.path(), "registry");
        File::create(stamp_of(&thing))?.set_modified(SystemTime::now() - 2 * KEPT)?;
        assert!(uses.take(&thing)?);
        uses.clear(SystemTime::now())?;
        assert!(thing.exists());
        Ok(())
    }
}
