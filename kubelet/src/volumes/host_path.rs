//! `hostPath`: a file or folder of the node.

use std::fs::Metadata;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

use k8s_openapi::api::core::v1::HostPathVolumeSource;
use tokio::fs;

use super::VolumeError;

/// Checks that the path is what the type says, or makes it where the type allows that
/// (<https://kubernetes.io/docs/concepts/storage/volumes/#hostpath-volume-types>).
pub(super) async fn set_up(source: &HostPathVolumeSource) -> Result<PathBuf, VolumeError> {
    let path = PathBuf::from(&source.path);
    let found = fs::metadata(&path).await.ok();
    let (is_right, words): (fn(&Metadata) -> bool, _) = match source.type_.as_deref().unwrap_or("")
    {
        "DirectoryOrCreate" if found.is_none() => {
            create_dir(&path).await?;
            return Ok(path);
        }
        "FileOrCreate" if found.is_none() => {
            create_file(&path).await?;
            return Ok(path);
        }
        "Directory" | "DirectoryOrCreate" => (Metadata::is_dir, "a directory"),
        "File" | "FileOrCreate" => (Metadata::is_file, "a file"),
        "Socket" => (|found| found.file_type().is_socket(), "a socket file"),
        "CharDevice" => (
            |found| found.file_type().is_char_device(),
            "a character device",
        ),
        "BlockDevice" => (
            |found| found.file_type().is_block_device(),
            "a block device",
        ),
        // Without a type nothing is checked; the runtime makes a folder of what is not there.
        _ => return Ok(path),
    };
    if found.as_ref().is_some_and(is_right) {
        return Ok(path);
    }
    let words = format!("hostPath type check failed: {} is not {words}", source.path);
    Err(VolumeError::Refused(words))
}

async fn create_dir(path: &Path) -> Result<(), VolumeError> {
    fs::create_dir_all(path)
        .await
        .map_err(VolumeError::io(path.to_string_lossy()))
}

async fn create_file(path: &Path) -> Result<(), VolumeError> {
    let create = async {
        fs::write(path, b"").await?;
        fs::set_permissions(path, std::fs::Permissions::from_mode(0o644)).await
    };
    create
        .await
        .map_err(VolumeError::io(path.to_string_lossy()))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn check(path: &Path, kind: &str) -> Result<PathBuf, String> {
        let source = HostPathVolumeSource {
            path: path.to_string_lossy().into_owned(),
            type_: Some(kind.to_owned()),
        };
        set_up(&source).await.map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn the_type_is_checked_or_made() {
        let dir = tempfile::tempdir().expect("a folder");
        let (new, file) = (dir.path().join("new"), dir.path().join("file"));
        assert_eq!(check(&new, "").await, Ok(new.clone()));
        let error = check(&new, "Directory").await.expect_err("not there");
        let words = format!(
            "hostPath type check failed: {} is not a directory",
            new.display()
        );
        assert_eq!(error, words);
        check(&new, "DirectoryOrCreate").await.expect("made");
        check(&new, "Directory").await.expect("there");
        check(&file, "FileOrCreate").await.expect("made");
        check(&file, "File").await.expect("there");
        check(&file, "Socket").await.expect_err("a file");
    }
}
