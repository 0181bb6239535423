//! The runtime on a real containerd: needs root, containerd, runc and the CNI plugins.

mod support;

#[path = "containerd/exec.rs"]
mod exec;
#[path = "containerd/images.rs"]
mod images;
#[path = "containerd/logs.rs"]
mod logs;
#[path = "containerd/pods.rs"]
mod pods;
#[path = "containerd/supervision.rs"]
mod supervision;
