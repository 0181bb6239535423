//! How much of a disk a folder takes.

use std::collections::HashSet;
use std::fs;
use std::ops::{Add, AddAssign};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The kernel counts what files take in these, whatever the file system's own are (stat(2)).
const BLOCK_BYTES: u64 = 512;

/// Bytes and files on a disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskUsage {
    /// What the files take in blocks.
    pub bytes: u64,
    /// How many files and folders there are.
    pub inodes: u64,
}

impl Add for DiskUsage {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            bytes: self.bytes.saturating_add(other.bytes),
            inodes: self.inodes.saturating_add(other.inodes),
        }
    }
}

impl AddAssign for DiskUsage {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl std::iter::Sum for DiskUsage {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), Add::add)
    }
}

/// What `dir` and all below it take, like `du -x`: files with several names count once, other file systems do not. What goes
/// away in between is left out.
pub(crate) fn disk_usage(dir: &Path) -> DiskUsage {
    let mut usage = DiskUsage::default();
    let Ok(root) = fs::symlink_metadata(dir) else {
        return usage;
    };
    let mut linked = HashSet::new();
    let mut folders = vec![dir.to_owned()];
    usage += taken(&root);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let Ok(found) = entry.metadata() else {
                continue;
            };
            let is_elsewhere = found.dev() != root.dev();
            let is_known = !found.is_dir() && found.nlink() > 1 && !linked.insert(found.ino());
            if is_elsewhere || is_known {
                continue;
            }
            usage += taken(&found);
            if found.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    usage
}

fn taken(found: &fs::Metadata) -> DiskUsage {
    DiskUsage {
        bytes: found.blocks().saturating_mul(BLOCK_BYTES),
        inodes: 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_counted_and_files_with_two_names_once() {
        let dir = tempfile::tempdir().expect("a folder");
        let empty = disk_usage(dir.path());
        assert_eq!(empty.inodes, 1);
        let deep = dir.path().join("a/b");
        fs::create_dir_all(&deep).expect("made");
        fs::write(deep.join("file"), vec![1; 1 << 20]).expect("written");
        fs::hard_link(deep.join("file"), dir.path().join("again")).expect("linked");
        std::os::unix::fs::symlink("/usr", dir.path().join("link")).expect("linked");
        let hole = fs::File::create(dir.path().join("hole")).expect("made");
        hole.set_len(1 << 40).expect("sized");
        hole.sync_all().expect("written");
        let used = disk_usage(dir.path());
        assert_eq!(used.inodes, 6, "the root, a, b, file, link, hole");
        assert!(used.bytes >= 1 << 20 && used.bytes < 2 << 20, "{used:?}");
        assert_eq!(disk_usage(&dir.path().join("none")), DiskUsage::default());
    }
}
