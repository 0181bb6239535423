//! A tar file as a folder to read from, without unpacking it.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::image_content::hex;
use crate::runtime::RuntimeError;

/// A file that is read into memory is not larger than this: manifests, indexes and configurations.
const DOCUMENT_LIMIT_BYTES: u64 = 8 << 20;
/// An archive has at most this many files.
const ENTRY_LIMIT: usize = 65_536;

/// Where a file's bytes are in the archive.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) offset: u64,
    pub(super) size: u64,
}

/// An open archive. All of its methods block.
#[derive(Debug)]
pub(super) struct TarFile {
    path: PathBuf,
    file: File,
    places: HashMap<String, Place>,
}

impl TarFile {
    pub(super) fn open(path: &Path) -> Result<TarFile, RuntimeError> {
        let file = File::open(path).map_err(RuntimeError::file(path))?;
        let mut archive = TarFile {
            path: path.to_owned(),
            file,
            places: HashMap::new(),
        };
        archive.places = places(&archive.file)
            .map_err(|error| archive.invalid(format!("no tar file: {error}")))?;
        Ok(archive)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.places.contains_key(name)
    }

    pub(super) fn place(&self, name: &str) -> Result<Place, RuntimeError> {
        let place = self.places.get(name).copied();
        place.ok_or_else(|| self.invalid(format!("it lacks {name}")))
    }

    /// Reads a JSON file.
    pub(super) fn document<T: DeserializeOwned>(&self, name: &str) -> Result<T, RuntimeError> {
        serde_json::from_slice(&self.bytes(name)?)
            .map_err(|error| self.invalid(format!("{name}: {error}")))
    }

    pub(super) fn bytes(&self, name: &str) -> Result<Vec<u8>, RuntimeError> {
        let place = self.place(name)?;
        if place.size > DOCUMENT_LIMIT_BYTES {
            return Err(self.invalid(format!("{name} is too large")));
        }
        let mut bytes = Vec::new();
        self.reader(place)?
            .read_to_end(&mut bytes)
            .map_err(RuntimeError::file(&self.path))?;
        Ok(bytes)
    }

    /// The digest of a file, and its first two bytes if it has them.
    pub(super) fn digest(&self, place: Place) -> Result<(String, Option<[u8; 2]>), RuntimeError> {
        let mut reader = self.reader(place)?;
        let mut digest = Sha256::new();
        let mut first = None;
        let mut buffer = vec![0; 256 << 10];
        loop {
            let count = reader
                .read(&mut buffer)
                .map_err(RuntimeError::file(&self.path))?;
            if count == 0 {
                return Ok((format!("sha256:{}", hex(&digest.finalize())), first));
            }
            first = first.or_else(|| buffer[..count].first_chunk().copied());
            digest.update(&buffer[..count]);
        }
    }

    pub(super) fn invalid(&self, reason: String) -> RuntimeError {
        RuntimeError::Archive {
            path: self.path.clone(),
            reason,
        }
    }

    fn reader(&self, place: Place) -> Result<impl Read + '_, RuntimeError> {
        let mut file = &self.file;
        file.seek(SeekFrom::Start(place.offset))
            .map_err(RuntimeError::file(&self.path))?;
        Ok(file.take(place.size))
    }
}

/// Where each file of the archive is. Old archives of Docker link a layer that they have twice.
fn places(file: &File) -> io::Result<HashMap<String, Place>> {
    let mut places = HashMap::new();
    let mut links = Vec::new();
    for entry in tar::Archive::new(file).entries_with_seek()? {
        let entry = entry?;
        let name = plain(&entry.path()?);
        if places.len() + links.len() >= ENTRY_LIMIT {
            return Err(io::Error::other("it has too many files"));
        }
        if let Some(target) = entry.link_name()? {
            let from = Path::new(&name).parent().unwrap_or(Path::new(""));
            links.push((name.clone(), plain(&from.join(target))));
        } else if entry.header().entry_type().is_file() {
            let place = Place {
                offset: entry.raw_file_position(),
                size: entry.size(),
            };
            places.insert(name, place);
        }
    }
    for (name, target) in links {
        if let Some(place) = places.get(&target).copied() {
            places.insert(name, place);
        }
    }
    Ok(places)
}

/// A path without `.` and `..`.
fn plain(path: &Path) -> String {
    let mut parts: Vec<String> = Vec::new();
    for component in path.components() {
        match component {
            Component::Normal(part) => parts.push(part.to_string_lossy().into_owned()),
            Component::ParentDir => drop(parts.pop()),
            _ => {}
        }
    }
    parts.join("/")
}
