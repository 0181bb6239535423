//! `local`: a folder of this node that is a PersistentVolume
//! (<https://kubernetes.io/docs/concepts/storage/volumes/#local>).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{VolumeError, blocking, mount, ownership};

/// Binds the folder at `path` to the volume's own, and gives it to the Pod's group, once.
pub(super) async fn set_up(
    dir: PathBuf,
    path: &str,
    owner: ownership::Owner,
) -> Result<PathBuf, VolumeError> {
    let source = PathBuf::from(path);
    if !source.is_dir() {
        let words = format!("path {path:?} does not exist, or is not a directory");
        return Err(VolumeError::Refused(words));
    }
    let target = dir.clone();
    blocking(move || bind(&source, &target, owner))
        .await
        .map_err(VolumeError::io(path))?;
    Ok(dir)
}

fn bind(source: &Path, target: &Path, owner: ownership::Owner) -> io::Result<()> {
    if mount::is_mounted(target)? {
        return Ok(());
    }
    ownership::give_if_wanted(source, owner)?;
    fs::create_dir_all(target)?;
    mount::bind(source, target)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[tokio::test]
    async fn the_folder_is_bound_once_and_given_to_the_group() {
        let host = tempfile::tempdir().expect("a folder");
        let (data, volume) = (host.path().join("data"), host.path().join("pod/volume"));
        let owner = ownership::Owner {
            group: Some(2000),
            only_on_mismatch: false,
        };
        let error = set_up(volume.clone(), &data.to_string_lossy(), owner).await;
        let error = error.expect_err("nothing there").to_string();
        assert!(error.contains("does not exist"), "{error}");
        fs::create_dir(&data).expect("made");
        for _ in 0..2 {
            set_up(volume.clone(), &data.to_string_lossy(), owner)
                .await
                .expect("set up");
        }
        fs::write(volume.join("file"), "1").expect("written");
        assert_eq!(fs::read_to_string(data.join("file")).expect("there"), "1");
        assert_eq!(fs::metadata(&data).expect("there").gid(), 2000);
        mount::unmount_below(&host.path().join("pod")).expect("unmounted once");
        assert!(!volume.join("file").exists());
    }
}
