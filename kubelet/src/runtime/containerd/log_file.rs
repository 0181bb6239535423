//! The file that containerd writes its own log to: two of a bounded size are kept.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// A log this large is moved aside.
const LIMIT_BYTES: u64 = 8 << 20;
/// How much of a log's end is shown in an error.
const TAIL_BYTES: u64 = 2 << 10;

/// Opens the log for a containerd that is about to start.
pub(super) fn open(path: &Path) -> io::Result<File> {
    bound(path)?;
    OpenOptions::new().append(true).create(true).open(path)
}

/// Moves a log that has grown too large aside. The file itself stays, because containerd holds it open; it
/// appends, and so goes on at the start of what was cut to nothing.
pub(super) fn bound(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(meta) if meta.len() > LIMIT_BYTES => {
            fs::copy(path, older(path))?;
            OpenOptions::new().write(true).open(path)?.set_len(0)
        }
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// The last lines of the log, for an error message.
pub(super) fn tail(path: &Path) -> String {
    let read = || -> io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        let end = file.metadata()?.len();
        file.seek(SeekFrom::Start(end.saturating_sub(TAIL_BYTES)))?;
        let mut bytes = Vec::new();
        file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    String::from_utf8_lossy(&read().unwrap_or_default())
        .trim()
        .to_owned()
}

fn older(path: &Path) -> PathBuf {
    path.with_extension("log.1")
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_log_that_is_held_open_is_cut_and_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("containerd.log");
        let mut log = open(&path).unwrap();
        let big = vec![b'x'; usize::try_from(LIMIT_BYTES).unwrap() + 1];
        log.write_all(&big).unwrap();
        bound(&path).unwrap();
        log.write_all(b"after\n").unwrap();

        assert_eq!(fs::read(&path).unwrap(), b"after\n");
        assert_eq!(fs::metadata(older(&path)).unwrap().len(), LIMIT_BYTES + 1);
        assert_eq!(tail(&path), "after");
    }
}
