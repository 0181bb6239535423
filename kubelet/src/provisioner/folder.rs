//! The folders of volumes on this node.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

/// Makes a folder that everyone may write, as the provisioners that users know do; it survives a power cut from here on.
pub(super) async fn make(folder: PathBuf) -> io::Result<()> {
    blocking(move || {
        fs::create_dir_all(&folder)?;
        fs::set_permissions(&folder, Permissions::from_mode(0o777))?;
        match folder.parent() {
            Some(parent) => File::open(parent)?.sync_all(),
            None => Ok(()),
        }
    })
    .await
}

/// Removes a folder and all that is in it. May be repeated.
pub(super) async fn remove(folder: PathBuf) -> io::Result<()> {
    blocking(move || match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    })
    .await
}

async fn blocking(work: impl FnOnce() -> io::Result<()> + Send + 'static) -> io::Result<()> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(io::Error::other)?
}
