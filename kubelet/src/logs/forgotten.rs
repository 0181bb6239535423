//! Logs of Pods that went while nobody looked: a kubelet that is killed cannot remove them.

use std::path::Path;

use tokio::fs;

/// Removes the folders of all Pods but those whose uid is known. What cannot be removed is left.
pub(crate) async fn remove_forgotten_logs(dir: &Path, is_known: impl Fn(&str) -> bool) {
    let Ok(mut folders) = fs::read_dir(dir).await else {
        return;
    };
    while let Ok(Some(folder)) = folders.next_entry().await {
        let name = folder.file_name().to_string_lossy().into_owned();
        let uid = name.rsplit_once('_').map(|(_, uid)| uid);
        if uid.is_some_and(|uid| !is_known(uid)) {
            let _ = fs::remove_dir_all(folder.path()).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn logs_stay_as_long_as_their_pod() {
        let logs = tempfile::tempdir().expect("a folder");
        for name in ["ns_web_u-1", "ns_gone_u-2", "other"] {
            std::fs::create_dir_all(logs.path().join(name).join("a")).expect("made");
        }
        remove_forgotten_logs(logs.path(), |uid| uid == "u-1").await;
        let is_there = |name: &str| logs.path().join(name).exists();
        assert!(is_there("ns_web_u-1") && is_there("other") && !is_there("ns_gone_u-2"));
    }
}
