//! PEM files in a directory that only root may read.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context;

/// The directory of keys (`NAME.key`) and certificates (`NAME.crt`).
pub(crate) struct Files {
    dir: PathBuf,
}

impl Files {
    pub(crate) fn open(dir: &Path) -> anyhow::Result<Self> {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .with_context(|| format!("make {}", dir.display()))?;
        Ok(Self {
            dir: dir.to_owned(),
        })
    }

    /// The key of that name, made and written if there is none.
    pub(crate) fn key(
        &self,
        name: &str,
        make: impl FnOnce() -> anyhow::Result<String>,
    ) -> anyhow::Result<String> {
        let file = format!("{name}.key");
        if let Some(key) = self.read(&file)? {
            return Ok(key);
        }
        let key = make()?;
        self.write(&file, &key)?;
        Ok(key)
    }

    /// The certificate of that name, if there is one.
    pub(crate) fn cert(&self, name: &str) -> anyhow::Result<Option<String>> {
        self.read(&format!("{name}.crt"))
    }

    /// Writes the certificate of that name.
    pub(crate) fn write_cert(&self, name: &str, pem: &str) -> anyhow::Result<()> {
        self.write(&format!("{name}.crt"), pem)
    }

    /// The text of a file, if there is one.
    pub(super) fn read(&self, file: &str) -> anyhow::Result<Option<String>> {
        let path = self.dir.join(file);
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("read {}", path.display())),
        }
    }

    pub(super) fn write(&self, file: &str, text: &str) -> anyhow::Result<()> {
        write_private(&self.dir.join(file), text)
    }
}

/// Writes a file that only its owner may read, whole or not at all, and durably: a key that a power cut emptied would lock everyone out.
pub(crate) fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    let fresh = path.with_extension("new");
    let written = || -> std::io::Result<()> {
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&fresh)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&fresh, path)?;
        std::fs::File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
    };
    written().with_context(|| format!("write {}", path.display()))
}
