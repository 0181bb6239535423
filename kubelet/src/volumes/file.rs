//! A small file that a container left in a volume.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};

/// The largest file that is read.
const MAX_BYTES: u64 = 1 << 20;

/// The text of the file at `path` in the volume, or `None` if there is none. Links are followed as if the volume were all there is
/// (openat2(2), RESOLVE_IN_ROOT).
///
/// # Errors
/// If it is no file, too large, no text or cannot be read.
pub(crate) fn read_file(volume: &Path, path: &str) -> io::Result<Option<String>> {
    let root = File::options()
        .read(true)
        .custom_flags(OFlag::O_DIRECTORY.bits())
        .open(volume)?;
    // A pipe that nobody writes to is not waited for.
    let how = OpenHow::new()
        .flags(OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_IN_ROOT);
    let file = match openat2(&root, path, how) {
        Err(Errno::ENOENT | Errno::ENOTDIR) => return Ok(None),
        opened => File::from(opened?),
    };
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    if metadata.len() > MAX_BYTES {
        return Err(io::Error::other(format!("larger than {MAX_BYTES} bytes")));
    }
    let mut text = String::new();
    file.take(MAX_BYTES).read_to_string(&mut text)?;
    Ok(Some(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn nothing_outside_of_the_volume_is_read() {
        let dir = tempfile::tempdir().expect("a folder");
        let volume = dir.path().join("volume");
        fs::create_dir_all(volume.join("sub")).expect("made");
        fs::write(volume.join("sub/inside"), "in").expect("written");
        fs::write(dir.path().join("outside"), "out").expect("written");
        symlink("/sub/inside", volume.join("link")).expect("linked");
        symlink("../../outside", volume.join("sub/escape")).expect("linked");
        let read = |path| read_file(&volume, path).map_err(|error| error.to_string());
        for path in ["sub/inside", "link"] {
            assert_eq!(read(path), Ok(Some("in".to_owned())), "{path}");
        }
        for path in ["none", "sub/inside/none", "sub/escape"] {
            assert_eq!(read(path), Ok(None), "{path}");
        }
        assert_eq!(read("sub"), Err("not a regular file".to_owned()));
        let large = File::create(volume.join("large")).expect("made");
        large.set_len(MAX_BYTES + 1).expect("long");
        assert_eq!(read("large"), Err("larger than 1048576 bytes".to_owned()));
        nix::unistd::mkfifo(&volume.join("pipe"), nix::sys::stat::Mode::S_IRWXU).expect("made");
        assert_eq!(read("pipe"), Err("not a regular file".to_owned()));
    }
}
