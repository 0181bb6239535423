//! `subPath`: a part of a volume, bound so that no symbolic link in it leads out of the volume.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};

use super::mount;

/// Binds `subpath` of the volume at `volume` to `target`. A folder is made of what is not there.
///
/// The kernel resolves the path and refuses to leave the volume (openat2(2), RESOLVE_BENEATH); what it opened is bound by
/// descriptor, so a link that is changed meanwhile changes nothing.
pub(super) fn bind(volume: &Path, subpath: &str, target: &Path) -> io::Result<()> {
    let root = File::open(volume)?;
    let opened = match open(&root, subpath) {
        Err(nix::Error::ENOENT) => {
            create(volume, &root, subpath)?;
            open(&root, subpath)
        }
        opened => opened,
    }?;
    let source = format!("/proc/self/fd/{}", opened.as_raw_fd());
    if fs::metadata(&source)?.is_dir() {
        fs::create_dir_all(target)?;
    } else {
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent)?;
        }
        File::options().create(true).append(true).open(target)?;
    }
    // One that is left from the container before shows what the volume held then.
    mount::unmount_below(target)?;
    mount::bind(Path::new(&source), target)
}

fn open(root: &File, subpath: &str) -> nix::Result<OwnedFd> {
    let how = OpenHow::new()
        .flags(OFlag::O_PATH | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_BENEATH);
    openat2(root, subpath, how)
}

/// Makes the folders of `subpath` one by one, each below one that was resolved inside the volume, and each as open as
/// the volume itself.
fn create(volume: &Path, root: &File, subpath: &str) -> io::Result<()> {
    let mode = root.metadata()?.permissions();
    let mut done = String::new();
    for part in subpath
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
    {
        let parent = if done.is_empty() {
            None
        } else {
            Some(open(root, &done)?)
        };
        if !done.is_empty() {
            done.push('/');
        }
        done.push_str(part);
        if open(root, &done).is_ok() {
            continue;
        }
        let dir = match &parent {
            Some(parent) => format!("/proc/self/fd/{}/{part}", parent.as_raw_fd()),
            None => volume.join(part).to_string_lossy().into_owned(),
        };
        fs::create_dir(&dir)?;
        fs::set_permissions(&dir, mode.clone())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn a_part_of_the_volume_is_bound_and_nothing_outside_of_it() {
        let dir = tempfile::tempdir().expect("a folder");
        let (volume, target) = (dir.path().join("volume"), dir.path().join("target"));
        fs::create_dir(&volume).expect("made");
        fs::set_permissions(&volume, Permissions::from_mode(0o777)).expect("opened");
        fs::create_dir(dir.path().join("outside")).expect("made");
        symlink("../outside", volume.join("escape")).expect("linked");
        symlink("real", volume.join("inside")).expect("linked");
        fs::create_dir(volume.join("real")).expect("made");

        bind(&volume, "a/b", &target.join("0")).expect("made and bound");
        let mode = fs::metadata(volume.join("a/b"))
            .expect("made")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o777, "as open as the volume");
        fs::write(volume.join("a/b/file"), "1").expect("written");
        assert_eq!(
            fs::read_to_string(target.join("0/file")).expect("seen"),
            "1"
        );
        bind(&volume, "a/b/file", &target.join("1")).expect("a file");
        assert_eq!(fs::read_to_string(target.join("1")).expect("seen"), "1");
        bind(&volume, "inside", &target.join("2")).expect("a link that stays inside");
        for out in ["escape", "escape/new", "../outside", "/etc"] {
            bind(&volume, out, &target.join("3")).expect_err(out);
        }
        assert!(!dir.path().join("outside/new").exists());
        mount::unmount_below(dir.path()).expect("unmounted");
    }
}
