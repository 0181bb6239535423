//! A disk that forgets, when the power goes, what it was not told to flush.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Read;
use std::process::Command;

use anyhow::Result;
use rand::Rng;
use rand::rngs::StdRng;

use crate::command::output;

/// The unit in which a write survives or is lost.
const BLOCK: usize = 4096;

type Block = Box<[u8]>;

/// The content of a disk with a volatile write cache, in memory.
///
/// A write goes to the cache, from where reads see it. A flush moves the cache to the medium.
/// When the power is cut, each cached block has an even chance to have reached the medium: a
/// real disk writes back in an order of its own.
#[derive(Debug)]
pub struct PowerCutDisk {
    size: u64,
    medium: HashMap<u64, Block>,
    cache: HashMap<u64, Block>,
    flushes: u64,
}

impl PowerCutDisk {
    /// An empty disk of `mib` mebibytes.
    pub fn empty(mib: u64) -> Self {
        Self {
            size: mib << 20,
            medium: HashMap::new(),
            cache: HashMap::new(),
            flushes: 0,
        }
    }

    /// A disk of `mib` mebibytes with an empty ext4 file system.
    pub fn ext4(mib: u64) -> Result<Self> {
        let image = tempfile::NamedTempFile::new()?;
        image.as_file().set_len(mib << 20)?;
        output(Command::new("mkfs.ext4").arg("-q").arg(image.path()))?;
        let mut disk = Self::empty(mib);
        let mut file = File::open(image.path())?;
        let mut block = vec![0; BLOCK];
        let zeros = vec![0; BLOCK];
        for number in 0..disk.size / BLOCK as u64 {
            file.read_exact(&mut block)?;
            if block != zeros {
                disk.medium.insert(number, block.clone().into_boxed_slice());
            }
        }
        fs::remove_file(image.path())?;
        Ok(disk)
    }

    /// Its size in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// How often it was told to flush, or to write through.
    pub fn flushes(&self) -> u64 {
        self.flushes
    }

    /// Loses power, and returns how many blocks of the cache never reached the medium.
    pub fn cut_power(&mut self, chance: &mut StdRng) -> usize {
        let mut lost = 0;
        for (number, block) in self.cache.drain() {
            if chance.random_bool(0.5) {
                self.medium.insert(number, block);
            } else {
                lost += 1;
            }
        }
        lost
    }

    pub(crate) fn read(&self, offset: u64, into: &mut [u8]) {
        for (number, within, range) in pieces(offset, into.len()) {
            let source = self.block(number);
            match source {
                Some(block) => {
                    let length = range.len();
                    into[range].copy_from_slice(&block[within..within + length]);
                }
                None => into[range].fill(0),
            }
        }
    }

    /// Writes into the cache, or with `through` straight to the medium (FUA).
    pub(crate) fn write(&mut self, offset: u64, bytes: &[u8], through: bool) {
        for (number, within, range) in pieces(offset, bytes.len()) {
            let mut block = match self.block(number) {
                Some(block) => block.clone(),
                None => vec![0; BLOCK].into_boxed_slice(),
            };
            block[within..within + range.len()].copy_from_slice(&bytes[range]);
            if through {
                self.cache.remove(&number);
                self.medium.insert(number, block);
            } else {
                self.cache.insert(number, block);
            }
        }
        self.flushes += u64::from(through);
    }

    pub(crate) fn flush(&mut self) {
        self.medium.extend(self.cache.drain());
        self.flushes += 1;
    }

    fn block(&self, number: u64) -> Option<&Block> {
        self.cache.get(&number).or_else(|| self.medium.get(&number))
    }
}

/// Splits `length` bytes at `offset` into blocks: the block's number, the offset within it, and
/// the range of the bytes that fall there.
fn pieces(
    offset: u64,
    length: usize,
) -> impl Iterator<Item = (u64, usize, std::ops::Range<usize>)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        if done == length {
            return None;
        }
        let position = offset + done as u64;
        let within = (position % BLOCK as u64) as usize;
        let end = length.min(done + BLOCK - within);
        let piece = (position / BLOCK as u64, within, done..end);
        done = end;
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn content(disk: &PowerCutDisk, offset: u64, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        disk.read(offset, &mut bytes);
        bytes
    }

    #[test]
    fn what_was_flushed_or_written_through_survives_and_the_rest_may_not() {
        let mut disk = PowerCutDisk::empty(16);
        disk.write(100, &[1; 10_000], false);
        disk.flush();
        disk.write(20_480, &[2; 4096], true);
        disk.write(40_960, &[3; 4096 * 64], false);
        assert_eq!(content(&disk, 40_960, 4096 * 64), [3; 4096 * 64]);

        let lost = disk.cut_power(&mut StdRng::seed_from_u64(1));

        assert!((10..54).contains(&lost), "{lost} of 64 blocks were lost");
        assert_eq!(content(&disk, 100, 10_000), [1; 10_000]);
        assert_eq!(content(&disk, 20_480, 4096), [2; 4096]);
        let survivors = content(&disk, 40_960, 4096 * 64);
        assert_eq!(
            survivors.iter().filter(|byte| **byte == 0).count(),
            lost * 4096
        );
    }

    #[test]
    fn a_write_leaves_the_rest_of_its_block() {
        let mut disk = PowerCutDisk::empty(1);
        disk.write(0, &[7; 8192], true);
        disk.write(4000, &[9; 200], false);
        assert_eq!(content(&disk, 3999, 202)[0], 7);
        assert_eq!(content(&disk, 4000, 200), [9; 200]);
        assert_eq!(content(&disk, 4200, 1), [7]);
    }
}
