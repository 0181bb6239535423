use std::path::{Path, PathBuf};

/// The folder of all Pods' logs.
pub(crate) fn pod_logs_dir(data_dir: &Path) -> PathBuf {
    data_dir.join("logs/pods")
}

/// The folder of a Pod's logs below the cluster's data directory: CRI's `log_directory`.
pub(crate) fn pod_log_dir(data_dir: &Path, namespace: &str, name: &str, uid: &str) -> PathBuf {
    pod_logs_dir(data_dir).join(format!("{namespace}_{name}_{uid}"))
}

/// The log of the `restart_count`-th run of a container, below its Pod's folder: CRI's `log_path`. The log of `--previous`
/// is that of one run less.
pub(crate) fn container_log_path(container: &str, restart_count: u32) -> PathBuf {
    Path::new(container).join(format!("{restart_count}.log"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_real_kubelet_below_the_data_directory() {
        let dir = pod_log_dir(Path::new("/var/lib/skiff"), "default", "web-0", "u-1");
        assert_eq!(
            dir.join(container_log_path("nginx", 2)),
            Path::new("/var/lib/skiff/logs/pods/default_web-0_u-1/nginx/2.log")
        );
    }
}
