//! The first file system of a guest: a cpio archive in the "newc" format that Linux unpacks at boot.
//!
//! Format: <https://www.kernel.org/doc/html/latest/driver-api/early-userspace/buffer-format.html>

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::parts::{Kernel, busybox, libraries};

const DIRECTORY: u32 = 0o040_755;
const PROGRAM: u32 = 0o100_755;
const PLAIN: u32 = 0o100_644;

/// An archive in the making. Paths are relative, without a leading slash.
#[derive(Debug, Default)]
pub struct Initrd {
    bytes: Vec<u8>,
    known: BTreeSet<String>,
}

impl Initrd {
    /// A user land of busybox that starts `init`, a shell script, with these kernel modules loaded.
    pub fn new(init: &str, modules: &[&str]) -> Result<Self> {
        let mut initrd = Self::default();
        for folder in ["proc", "sys", "dev", "run", "tmp", "root", "mnt", "etc"] {
            initrd.folder(folder);
        }
        initrd.add_as("bin/busybox", &busybox()?)?;
        initrd.file("init", PROGRAM, init.as_bytes());
        initrd.add_modules(modules)?;
        Ok(initrd)
    }

    /// Adds a program of the host as `path`, and the libraries it needs where it will look for them.
    pub fn add_program(&mut self, path: &str, program: &Path) -> Result<()> {
        self.add_as(path, program)?;
        for library in libraries(program)? {
            let place = library.to_string_lossy();
            self.add_as(place.trim_start_matches('/'), &library)?;
        }
        Ok(())
    }

    /// The finished archive.
    pub fn finish(mut self) -> Vec<u8> {
        self.entry("TRAILER!!!", 0, &[]);
        self.bytes
    }

    /// `modules` and what they need, and `/modules` which names the files in the order to load them.
    fn add_modules(&mut self, modules: &[&str]) -> Result<()> {
        let kernel = Kernel::find()?;
        let files = kernel.with_needed(modules)?;
        let mut order = String::new();
        for file in &files {
            let place = format!("lib/modules/{}/{file}", kernel.version);
            self.add_as(&place, &kernel.modules.join(file))?;
            order.push_str(&format!("/{place}\n"));
        }
        self.file("modules", PLAIN, order.as_bytes());
        Ok(())
    }

    fn add_as(&mut self, path: &str, source: &Path) -> Result<()> {
        let content = fs::read(source).with_context(|| format!("read {}", source.display()))?;
        self.file(path, PROGRAM, &content);
        Ok(())
    }

    fn file(&mut self, path: &str, mode: u32, content: &[u8]) {
        if let Some((folder, _)) = path.rsplit_once('/') {
            self.folder(folder);
        }
        if self.known.insert(path.to_owned()) {
            self.entry(path, mode, content);
        }
    }

    fn folder(&mut self, path: &str) {
        if let Some((parent, _)) = path.rsplit_once('/') {
            self.folder(parent);
        }
        if self.known.insert(path.to_owned()) {
            self.entry(path, DIRECTORY, &[]);
        }
    }

    fn entry(&mut self, path: &str, mode: u32, content: &[u8]) {
        let inode = self.known.len();
        let (name_size, size) = (path.len() + 1, content.len());
        self.bytes.extend_from_slice(b"070701");
        // inode, mode, uid, gid, links, mtime, size, device (2), special device (2), name, checksum
        let fields = [
            inode,
            mode as usize,
            0,
            0,
            1,
            0,
            size,
            0,
            0,
            0,
            0,
            name_size,
            0,
        ];
        for field in fields {
            self.bytes
                .extend_from_slice(format!("{field:08X}").as_bytes());
        }
        self.bytes.extend_from_slice(path.as_bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend_from_slice(content);
        self.pad();
    }

    fn pad(&mut self) {
        let padded = self.bytes.len().next_multiple_of(4);
        self.bytes.resize(padded, 0);
    }
}
