//! Room on the disk that is taken before it is needed: after a write that found the disk full sled cannot go on.
//!
//! The blocks behind the end of sled's file are its own already, so that what it writes there has its place. A group of
//! batches for which too few are left is refused before sled hears of it.

use std::{fs::File, os::unix::fs::MetadataExt};

use nix::{
    errno::Errno,
    fcntl::{FallocateFlags, fallocate},
};

/// For each group so much must be reserved: sled writes whole pages for small changes, and moves others meanwhile.
const GROUP_BYTES: u64 = 8 << 20;
/// And so many times its own size.
const AMPLIFICATION: u64 = 4;
/// So much more is reserved while the disk has it. On a full disk a cluster lives on this.
const AHEAD_BYTES: u64 = 8 << 20;
/// stat(2) counts in these.
const BLOCK_BYTES: u64 = 512;

/// Sees to it that a group with so many bytes of keys and values has its place in `pages`; says whether it has.
pub(super) fn reserve(pages: &File, bytes: usize) -> bool {
    let needed = GROUP_BYTES + AMPLIFICATION * bytes as u64;
    if held(pages) >= needed + AHEAD_BYTES / 2 {
        return true;
    }
    let wanted = i64::try_from(needed + AHEAD_BYTES).unwrap_or(i64::MAX);
    let end = pages.metadata().map_or(0, |pages| pages.len());
    let end = i64::try_from(end).unwrap_or(i64::MAX);
    match fallocate(pages, FallocateFlags::FALLOC_FL_KEEP_SIZE, end, wanted) {
        Err(Errno::ENOSPC | Errno::EDQUOT) => held(pages) >= needed,
        // A file system that reserves nothing promises nothing either: the write itself will tell.
        Ok(()) | Err(_) => true,
    }
}

/// The bytes that the file has on the disk behind its end.
fn held(pages: &File) -> u64 {
    pages.metadata().map_or(0, |pages| {
        (pages.blocks() * BLOCK_BYTES).saturating_sub(pages.len())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_reserved_lies_behind_the_end_and_is_not_taken_twice() {
        let pages = tempfile::tempfile().unwrap();
        pages.set_len(4096).unwrap();
        assert!(reserve(&pages, 1000));
        assert_eq!(pages.metadata().unwrap().len(), 4096);
        let first = held(&pages);
        assert!(first >= GROUP_BYTES, "{first}");
        assert!(reserve(&pages, 2000));
        assert_eq!(held(&pages), first);
        assert!(reserve(&pages, 4 << 20));
        assert!(held(&pages) >= 24 << 20, "{}", held(&pages));
    }
}
