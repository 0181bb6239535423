//! Mounts of the host: made for volumes, and undone.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, MsFlags, mount, umount2};

/// Makes the folder of a volume, in memory if it must not reach the disk.
pub(super) fn directory(dir: &Path, in_memory: bool) -> io::Result<()> {
    if in_memory {
        tmpfs(dir, "")
    } else {
        fs::create_dir_all(dir)
    }
}

/// Makes a folder in memory, unless it is one already. `options` are those of tmpfs(5).
pub(super) fn tmpfs(dir: &Path, options: &str) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    if is_mounted(dir)? {
        return Ok(());
    }
    let flags = MsFlags::MS_NODEV | MsFlags::MS_NOSUID;
    mount(Some("tmpfs"), dir, Some("tmpfs"), flags, Some(options))?;
    Ok(())
}

/// Whether something is mounted on `dir` itself.
pub(super) fn is_mounted(dir: &Path) -> io::Result<bool> {
    match fs::canonicalize(dir) {
        Ok(real) => Ok(mounts_below(dir)?.contains(&real)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Binds `source` to `target`, which exists and is of the same type.
pub(super) fn bind(source: &Path, target: &Path) -> io::Result<()> {
    let flags = MsFlags::MS_BIND | MsFlags::MS_REC;
    mount(Some(source), target, None::<&str>, flags, None::<&str>)?;
    Ok(())
}

/// Undoes every mount at or below `dir`, the innermost first.
///
/// # Errors
/// If one is still there: what is below must not be removed then, it may be someone's data.
pub(super) fn unmount_below(dir: &Path) -> io::Result<()> {
    let mut mounts = mounts_below(dir)?;
    if mounts.is_empty() {
        return Ok(());
    }
    mounts.reverse();
    for path in &mounts {
        umount2(path, MntFlags::MNT_DETACH | MntFlags::UMOUNT_NOFOLLOW)?;
    }
    match mounts_below(dir)?.first() {
        None => Ok(()),
        Some(left) => Err(io::Error::other(format!(
            "{} is still mounted",
            left.display()
        ))),
    }
}

/// The mount points at or below `dir`, outer ones first. The kernel's table has them without the links that lead there.
pub(super) fn mounts_below(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let dir = match fs::canonicalize(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        found => found?,
    };
    let table = fs::read_to_string("/proc/self/mountinfo")?;
    Ok(parse(&table)
        .into_iter()
        .filter(|path| path.starts_with(&dir))
        .collect())
}

/// The mount points of a mountinfo table (proc_pid_mountinfo(5): the fifth field, special characters in octal).
fn parse(table: &str) -> Vec<PathBuf> {
    let fields = table.lines().filter_map(|line| line.split(' ').nth(4));
    fields
        .map(|field| PathBuf::from(unescaped(field)))
        .collect()
}

fn unescaped(field: &str) -> String {
    let pairs = [
        ("\\040", " "),
        ("\\011", "\t"),
        ("\\012", "\n"),
        ("\\134", "\\"),
    ];
    pairs.iter().fold(field.to_owned(), |text, (code, char)| {
        text.replace(code, char)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mount_points_are_read_as_they_are() {
        let table = "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw\n\
                     37 36 0:30 / /a\\040b rw - tmpfs tmpfs rw\n";
        assert_eq!(
            parse(table),
            [PathBuf::from("/mnt2"), PathBuf::from("/a b")]
        );
    }

    #[test]
    fn what_is_mounted_below_a_folder_is_unmounted() {
        let pod = tempfile::tempdir().expect("a folder");
        let (volume, bound) = (pod.path().join("volume"), pod.path().join("bound"));
        let link = pod.path().join("link");
        std::os::unix::fs::symlink(pod.path(), &link).expect("linked");
        tmpfs(&volume, "size=1048576").expect("root mounts");
        for again in [volume.clone(), link.join("volume")] {
            tmpfs(&again, "").expect("mounted once");
            assert_eq!(
                mounts_below(pod.path()).expect("read").len(),
                1,
                "{again:?}"
            );
        }
        fs::write(volume.join("file"), "1").expect("written");
        fs::create_dir(&bound).expect("made");
        bind(&volume, &bound).expect("bound");
        assert_eq!(fs::read_to_string(bound.join("file")).expect("seen"), "1");
        unmount_below(pod.path()).expect("unmounted");
        assert_eq!(
            mounts_below(pod.path()).expect("read"),
            Vec::<PathBuf>::new()
        );
        assert!(!bound.join("file").exists());
    }
}
