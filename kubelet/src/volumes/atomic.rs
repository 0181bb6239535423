//! Writes the files of a volume so that a reader sees either all of the old ones or all of the new ones.
//!
//! ```text
//!   name    ─► ..data/name          what a container opens
//!   ..data  ─► ..1780000000.123     changed by one rename
//!   ..1780000000.123/name           the files themselves
//! ```

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use jiff::Timestamp;

use super::payload::{File, Payload};

const DATA: &str = "..data";
const DATA_NEXT: &str = "..data_tmp";

/// Makes `dir` hold exactly the files of `payload`; says whether anything had to change.
pub(super) fn write(dir: &Path, payload: &Payload) -> io::Result<bool> {
    let is_changed = !is_current(dir, payload);
    if is_changed {
        switch(dir, payload)?;
    }
    // Also when nothing has changed: the kubelet may have been killed right after the switch, or before it.
    link_names(dir, payload)?;
    remove_others(dir)?;
    Ok(is_changed)
}

/// Writes a new version and makes it the one that is seen.
fn switch(dir: &Path, payload: &Payload) -> io::Result<()> {
    let version = format!("..{}", Timestamp::now().as_nanosecond());
    for (path, file) in payload {
        write_file(&dir.join(&version).join(path), file)?;
    }
    fs::create_dir_all(dir.join(&version))?;
    let next = dir.join(DATA_NEXT);
    remove_if_there(&next)?;
    symlink(&version, &next)?;
    fs::rename(&next, dir.join(DATA))
}

/// Removes all versions but the one that is seen, also those that were never finished.
fn remove_others(dir: &Path) -> io::Result<()> {
    let current = fs::read_link(dir.join(DATA))?;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let is_version = name.to_string_lossy().starts_with("..") && entry.file_type()?.is_dir();
        if is_version && name != current.as_os_str() {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

fn is_current(dir: &Path, payload: &Payload) -> bool {
    let data = dir.join(DATA);
    let is_same = |(path, file): (&String, &File)| {
        let path = data.join(path);
        fs::read(&path).is_ok_and(|content| content == file.data)
    };
    count_files(&data).is_ok_and(|count| count == payload.len()) && payload.iter().all(is_same)
}

/// How many files there are below `dir`.
fn count_files(dir: &Path) -> io::Result<usize> {
    let mut count = 0;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        count += if entry.file_type()?.is_dir() {
            count_files(&entry.path())?
        } else {
            1
        };
    }
    Ok(count)
}

fn write_file(path: &Path, file: &File) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(path, &file.data)?;
    // After writing: the mode may forbid it, and the process's umask does not count.
    fs::set_permissions(path, fs::Permissions::from_mode(file.mode))
}

/// Links the first part of each path, and drops the links of what is no more.
fn link_names(dir: &Path, payload: &Payload) -> io::Result<()> {
    let mut names: Vec<&str> = payload
        .keys()
        .filter_map(|path| path.split('/').next())
        .collect();
    names.dedup();
    for name in &names {
        let link = dir.join(name);
        if fs::symlink_metadata(&link).is_err() {
            symlink(Path::new(DATA).join(name), &link)?;
        }
    }
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let is_ours = name.to_string_lossy().starts_with("..");
        if !is_ours && !names.iter().any(|wanted| name == *wanted) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(files: &[(&str, &str)]) -> Payload {
        let file = |data: &str| File {
            data: data.as_bytes().to_vec(),
            mode: 0o640,
        };
        files
            .iter()
            .map(|(path, data)| ((*path).to_owned(), file(data)))
            .collect()
    }

    fn visible(dir: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(dir)
            .expect("the volume")
            .map(|entry| {
                entry
                    .expect("an entry")
                    .file_name()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        names.sort();
        names.retain(|name| !name.starts_with(".."));
        names
    }

    #[test]
    fn files_change_together_and_old_ones_go() {
        let volume = tempfile::tempdir().expect("a folder");
        let dir = volume.path();
        assert!(write(dir, &payload(&[("a", "1"), ("sub/b", "2")])).expect("written"));
        assert_eq!(visible(dir), ["a", "sub"]);
        assert_eq!(fs::read_to_string(dir.join("sub/b")).expect("b"), "2");
        let mode = fs::metadata(dir.join("a")).expect("a").permissions().mode();
        assert_eq!(mode & 0o777, 0o640);

        let before = fs::read_link(dir.join(DATA)).expect("a link");
        assert!(write(dir, &payload(&[("a", "3"), ("c", "4")])).expect("written"));
        assert_eq!(visible(dir), ["a", "c"]);
        assert_eq!(fs::read_to_string(dir.join("a")).expect("a"), "3");
        assert!(!dir.join(before).exists(), "the old version is gone");
    }

    #[test]
    fn the_same_files_are_not_written_again() {
        let volume = tempfile::tempdir().expect("a folder");
        let files = payload(&[("a", "1")]);
        write(volume.path(), &files).expect("written");
        let before = fs::read_link(volume.path().join(DATA)).expect("a link");
        assert!(!write(volume.path(), &files).expect("nothing to do"));
        assert_eq!(
            fs::read_link(volume.path().join(DATA)).expect("a link"),
            before
        );
    }

    #[test]
    fn a_kill_at_any_moment_is_made_good() {
        let volume = tempfile::tempdir().expect("a folder");
        let dir = volume.path();
        let files = payload(&[("a", "1")]);
        // Killed while it wrote a version, then right after one was switched to.
        fs::create_dir(dir.join("..unfinished")).expect("made");
        switch(dir, &files).expect("switched");
        write(dir, &files).expect("made good");
        assert_eq!(visible(dir), ["a"]);
        assert!(!dir.join("..unfinished").exists());
        assert_eq!(fs::read_to_string(dir.join("a")).expect("a"), "1");
    }

    #[test]
    fn an_empty_volume_is_a_volume() {
        let volume = tempfile::tempdir().expect("a folder");
        assert!(write(volume.path(), &Payload::new()).expect("written"));
        assert_eq!(visible(volume.path()), Vec::<String>::new());
    }
}
