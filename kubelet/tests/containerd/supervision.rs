use std::fs;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use skiff_kubelet::cri::ContainerState;
use skiff_kubelet::{ContainerdConfig, ContainerdProcess, ExecRequest, Runtime, RuntimeEvent};

use crate::support::{Node, Pod, in_namespaces, next_event, until};

#[test]
fn containers_outlive_a_containerd_that_is_killed_and_nothing_is_missed() {
    in_namespaces(|| async {
        let node = Node::start().await;
        let mut events = node.runtime.events();
        assert_eq!(next_event(&mut events).await, RuntimeEvent::Gap);
        let pod = Pod::run(&node, "survivor").await;
        let stays = pod.start(&node, "stays", &["sleep", "1000"]).await;
        let wait = "while [ ! -e /tmp/go ]; do sleep 0.05; done; exit 9";
        let ends = pod.start(&node, "ends", &["sh", "-c", wait]).await;
        for _ in 0..2 {
            next_event(&mut events).await;
        }
        let before = node.runtime.container_status(&stays).await.unwrap();

        let argv = ["sh", "-c", "sleep 0.3; touch /tmp/go"].map(str::to_owned);
        let pid = node.containerd_pid();
        let touching = node
            .runtime
            .exec_sync(&ends, argv.to_vec(), Duration::from_secs(5));
        let killing = async { kill(pid, Signal::SIGKILL).unwrap() };
        let (outcome, ()) = tokio::join!(touching, killing);
        assert!(outcome.unwrap_err().is_unavailable());

        while next_event(&mut events).await != RuntimeEvent::Gap {}
        assert_ne!(node.containerd_pid(), pid);
        let after = node.runtime.container_status(&stays).await.unwrap();
        assert_eq!(after.state(), ContainerState::ContainerRunning);
        assert_eq!(after.started_at, before.started_at);
        let listed = node.runtime.list().await.unwrap();
        assert_eq!(listed.len(), 1);
        assert_eq!(listed[0].pod_uid(), Some(pod.uid.as_str()));
        assert_eq!(listed[0].containers.len(), 2);
        node.end().await;
    });
}

#[test]
fn a_containerd_that_was_left_running_is_taken_over() {
    in_namespaces(|| async {
        let mut node = Node::start().await;
        let pid = node.containerd_pid();
        let pod = Pod::run(&node, "kept").await;
        let id = pod.start(&node, "main", &["sleep", "1000"]).await;
        node.start_again().await;
        assert_eq!(node.containerd_pid(), pid);
        // Killed right after it had started it.
        fs::remove_file(node.data_dir().join("containerd/containerd.pid")).unwrap();
        node.start_again().await;
        assert_eq!(node.containerd_pid(), pid);

        // It is watched as one's own: killed, it is started again.
        kill(pid, Signal::SIGKILL).unwrap();
        until("another containerd runs", || async {
            let process = node.containerd.as_ref().unwrap();
            process.pid().is_some_and(|new| new != pid.as_raw() as u32)
        })
        .await;
        until("it answers", || async {
            let status = node.runtime.container_status(&id).await;
            status.is_ok_and(|status| status.state() == ContainerState::ContainerRunning)
        })
        .await;
        node.end().await;
    });
}

#[test]
fn a_command_whose_skiff_was_killed_is_swept_away() {
    in_namespaces(|| async {
        let mut node = Node::start().await;
        let pod = Pod::run(&node, "host").await;
        let id = pod.start(&node, "main", &["sleep", "1000"]).await;
        let request = ExecRequest {
            argv: vec!["sleep".to_owned(), "777".to_owned()],
            stdin: true,
            ..ExecRequest::default()
        };
        let session = node.runtime.exec(&id, request).await.unwrap();
        // A skiff that is killed lets go of nothing in order.
        std::mem::forget(session);
        node.start_again().await;
        let argv = ["sh", "-c", "ps | grep -c '[s]leep 777'"].map(str::to_owned);
        let limit = Duration::from_secs(5);
        let listed = node.runtime.exec_sync(&id, argv.to_vec(), limit).await;
        assert_eq!(listed.unwrap().stdout, b"0\n");
        assert!(!node.data_dir().join("exec").exists());
        node.end().await;
    });
}

#[test]
fn a_containerd_that_another_process_started_can_be_stopped() {
    in_namespaces(|| async {
        let mut node = Node::start().await;
        let pod = Pod::run(&node, "kept").await;
        let id = pod.start(&node, "main", &["sleep", "1000"]).await;
        node.containerd = None;
        let data_dir = node.data_dir().to_owned();
        assert!(ContainerdProcess::stop_running(&data_dir).await.unwrap());
        assert!(!ContainerdProcess::stop_running(&data_dir).await.unwrap());
        let error = node.runtime.version().await.unwrap_err();
        assert!(error.is_unavailable(), "{error}");

        node.start_again().await;
        let status = node.runtime.container_status(&id).await.unwrap();
        assert_eq!(status.state(), ContainerState::ContainerRunning);
        node.end().await;
    });
}

#[tokio::test]
async fn a_missing_containerd_says_what_to_install() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = ContainerdConfig::new(dir.path());
    config.binary = "containerd-that-is-not-there".into();
    let error = ContainerdProcess::start(config).await.unwrap_err();
    let error = error.to_string();
    assert!(error.contains("apt-get install containerd"), "{error}");
}

#[tokio::test]
async fn a_data_directory_that_is_too_deep_is_refused() {
    let dir = std::path::Path::new("/tmp").join("d".repeat(100));
    let error = ContainerdProcess::start(ContainerdConfig::new(dir)).await;
    let error = error.unwrap_err().to_string();
    assert!(error.contains("too long for a socket"), "{error}");
}
