//! `nfs`: a folder of an NFS server, mounted by the helper that the distribution has for it
//! (<https://kubernetes.io/docs/concepts/storage/volumes/#nfs>).

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::process::Command;

use super::{VolumeError, blocking, mount};

/// Where distributions put the helpers of mount(8).
const HELPERS: [&str; 2] = ["/sbin/mount.nfs", "/usr/sbin/mount.nfs"];
/// A server that does not answer must not hold the Pod's worker for longer than this.
const DEADLINE: Duration = Duration::from_secs(120);

/// What is mounted, and how.
pub(super) struct Share<'a> {
    pub(super) server: &'a str,
    pub(super) path: &'a str,
    pub(super) read_only: bool,
    /// Options of nfs(5), as a PersistentVolume lists them.
    pub(super) options: &'a [String],
}

/// Mounts the share at `dir`, unless it is there already.
pub(super) async fn set_up(dir: &Path, share: &Share<'_>) -> Result<(), VolumeError> {
    let what = format!("{}:{}", share.server, share.path);
    let target = dir.to_owned();
    let is_mounted = blocking(move || mount::is_mounted(&target))
        .await
        .map_err(VolumeError::io(dir.to_string_lossy()))?;
    if is_mounted {
        return Ok(());
    }
    if !HELPERS.iter().any(|helper| Path::new(helper).exists()) {
        let words = format!(
            "mount {what}: this machine has no mount.nfs: install the package nfs-common (Debian, Ubuntu) or \
             nfs-utils (Fedora, SUSE, Alpine)"
        );
        return Err(VolumeError::Refused(words));
    }
    let mut command = Command::new("mount");
    command.args(["-t", "nfs"]).kill_on_drop(true);
    if let Some(options) = options(share) {
        command.args(["-o", &options]);
    }
    command.arg(&what).arg(dir);
    let ended = tokio::time::timeout(DEADLINE, command.output()).await;
    let ended = ended
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        .map_err(VolumeError::io(format!("mount {what}")))?;
    match ended.status.success() {
        true => Ok(()),
        false => {
            let said = String::from_utf8_lossy(&ended.stderr);
            let words = format!("mount {what} failed: {}: {}", ended.status, said.trim());
            Err(VolumeError::Refused(words))
        }
    }
}

fn options(share: &Share<'_>) -> Option<String> {
    let read_only = share.read_only.then_some("ro");
    let options: Vec<&str> = share
        .options
        .iter()
        .map(String::as_str)
        .chain(read_only)
        .collect();
    (!options.is_empty()).then(|| options.join(","))
}

/// Mounts the share at the volume's folder, and says where that is.
pub(super) async fn volume(dir: PathBuf, share: &Share<'_>) -> Result<PathBuf, VolumeError> {
    let made = dir.clone();
    blocking(move || std::fs::create_dir_all(&made))
        .await
        .map_err(VolumeError::io(dir.to_string_lossy()))?;
    set_up(&dir, share).await?;
    Ok(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_those_of_the_volume() {
        let share = |options, read_only| Share {
            server: "s",
            path: "/p",
            read_only,
            options,
        };
        let given = ["nfsvers=4.1".to_owned(), "hard".to_owned()];
        assert_eq!(options(&share(&[], false)), None);
        assert_eq!(
            options(&share(&given, false)).as_deref(),
            Some("nfsvers=4.1,hard")
        );
        assert_eq!(
            options(&share(&given, true)).as_deref(),
            Some("nfsvers=4.1,hard,ro")
        );
    }
}
