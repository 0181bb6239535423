use std::time::Duration;

use skiff_kubelet::cri::{ContainerState, NamespaceMode, PodSandboxState, PortMapping, Protocol};
use skiff_kubelet::{Runtime, RuntimeEvent};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{Node, Pod, in_namespaces, next_event, until};

#[test]
fn a_pod_lives_and_ends_and_its_events_tell() {
    in_namespaces(|| async {
        let node = Node::start().await;
        let runtime = &node.runtime;
        let mut events = runtime.events();
        assert_eq!(next_event(&mut events).await, RuntimeEvent::Gap);

        let pod = Pod::run(&node, "web").await;
        assert!(pod.ip(&node).await.starts_with("10.244.7."));
        let trap = "trap 'exit 7' TERM; while true; do sleep 0.1; done";
        let id = pod.start(&node, "main", &["sh", "-c", trap]).await;
        let pod_uid = pod.uid.clone();
        let started = RuntimeEvent::ContainerStarted {
            id: id.clone(),
            pod_uid,
        };
        assert_eq!(next_event(&mut events).await, started);

        runtime
            .stop_container(&id, Duration::from_secs(20))
            .await
            .unwrap();
        let pod_uid = pod.uid.clone();
        let exited = RuntimeEvent::ContainerExited {
            id: id.clone(),
            pod_uid,
        };
        assert_eq!(next_event(&mut events).await, exited);
        let status = runtime.container_status(&id).await.unwrap();
        assert_eq!(status.exit_code, 7);

        runtime.stop_sandbox(&pod.sandbox_id).await.unwrap();
        let RuntimeEvent::SandboxExited { id: sandbox, .. } = next_event(&mut events).await else {
            panic!("the sandbox ends next");
        };
        assert_eq!(sandbox, pod.sandbox_id);
        node.end().await;
    });
}

#[test]
fn the_exit_event_comes_when_the_runtime_says_so_too() {
    in_namespaces(|| async {
        let node = Node::start().await;
        let mut events = node.runtime.events();
        let pod = Pod::run(&node, "short").await;
        for round in 0..5 {
            let name = format!("run-{round}");
            let id = pod.start(&node, &name, &["sh", "-c", "exit 3"]).await;
            loop {
                match next_event(&mut events).await {
                    RuntimeEvent::ContainerExited { id: ended, .. } if ended == id => break,
                    _ => {}
                }
            }
            let status = node.runtime.container_status(&id).await.unwrap();
            assert_eq!(status.state(), ContainerState::ContainerExited);
            assert_eq!(status.exit_code, 3);
        }
        node.end().await;
    });
}

#[test]
fn stopping_and_removing_twice_is_fine_and_asking_for_what_is_gone_is_not_found() {
    in_namespaces(|| async {
        let node = Node::start().await;
        let runtime = &node.runtime;
        let pod = Pod::run(&node, "gone").await;
        let id = pod.start(&node, "main", &["sleep", "1000"]).await;
        for _ in 0..2 {
            runtime.stop_container(&id, Duration::ZERO).await.unwrap();
        }
        for _ in 0..2 {
            runtime.remove_container(&id).await.unwrap();
        }
        for _ in 0..2 {
            runtime.stop_sandbox(&pod.sandbox_id).await.unwrap();
        }
        let sandbox = runtime.sandbox_status(&pod.sandbox_id).await.unwrap();
        assert_eq!(sandbox.state(), PodSandboxState::SandboxNotready);
        for _ in 0..2 {
            runtime.remove_sandbox(&pod.sandbox_id).await.unwrap();
        }
        let error = runtime.container_status(&id).await.unwrap_err();
        assert!(error.is_not_found(), "{error}");
        node.end().await;
    });
}

#[test]
fn pods_reach_each_other_under_their_own_addresses() {
    in_namespaces(|| async {
        let node = Node::start().await;
        let server = Pod::run(&node, "server").await;
        let at = server.ip(&node).await;
        let serve = ["httpd", "-f", "-v", "-p", "80", "-h", "/"];
        server.start(&node, "main", &serve).await;
        let client = Pod::run(&node, "client").await;
        let id = client.start(&node, "main", &["sleep", "1000"]).await;

        let url = format!("http://{at}/etc/hostname");
        until("the server answers", || async {
            let argv = ["wget", "-q", "-O", "-", &url].map(str::to_owned).to_vec();
            let fetched = node.runtime.exec_sync(&id, argv, Duration::from_secs(5));
            fetched.await.unwrap().stdout == b"server\n"
        })
        .await;
        let seen = std::fs::read_to_string(server.log_file("main")).unwrap();
        let from = client.ip(&node).await;
        assert!(seen.contains(&from), "{from} is not in {seen}");
        node.end().await;
    });
}

#[test]
fn orphans_of_a_shared_process_namespace_are_collected() {
    in_namespaces(|| async {
        let node = Node::start().await;
        let pod = Pod::run_with(&node, "shared", |config| {
            let linux = config.linux.as_mut().unwrap();
            let security = linux.security_context.as_mut().unwrap();
            let options = security.namespace_options.as_mut().unwrap();
            options.pid = NamespaceMode::Pod as i32;
        })
        .await;
        // A grandchild outlives its parent: it falls to process 1, which is the pause program.
        let orphan = "sh -c 'sleep 0.2 & echo' ; sleep 1000";
        let id = pod.start(&node, "main", &["sh", "-c", orphan]).await;
        let list = |argv: &[&str]| {
            let argv = argv.iter().map(|word| (*word).to_owned()).collect();
            node.runtime.exec_sync(&id, argv, Duration::from_secs(5))
        };
        let first = list(&["cat", "/proc/1/comm"]).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&first.stdout), "pause\n");
        until("the orphan is gone", || async {
            let processes = list(&["ps", "-o", "ppid,stat,comm"]).await.unwrap();
            let text = String::from_utf8_lossy(&processes.stdout).into_owned();
            !text.contains("sleep 0.2") && !text.lines().any(|line| line.contains(" Z "))
        })
        .await;
        node.end().await;
    });
}

#[test]
fn a_host_port_leads_to_its_pod() {
    in_namespaces(|| async {
        let node = Node::start().await;
        let server = Pod::run_with(&node, "server", |config| {
            config.port_mappings.push(PortMapping {
                protocol: Protocol::Tcp as i32,
                container_port: 80,
                host_port: 8080,
                host_ip: String::new(),
            });
        })
        .await;
        let serve = ["httpd", "-f", "-p", "80", "-h", "/"];
        server.start(&node, "main", &serve).await;
        // The bridge's address is one of the node's own.
        until("the port answers", || async {
            TcpStream::connect("10.244.7.1:8080").await.is_ok()
        })
        .await;
        node.end().await;
    });
}

/// What a kubelet finds that was killed while it started a container.
#[test]
fn a_start_that_nobody_waits_for_runs_or_says_that_it_was_given_up() {
    in_namespaces(|| async {
        let node = Node::start().await;
        let pod = Pod::run(&node, "killed").await;
        for patience_ms in [0, 5, 10, 20, 30, 50, 80, 200] {
            let name = format!("after-{patience_ms}");
            let id = pod.create(&node, &name, &["sleep", "1000"]).await;
            let starting = node.runtime.start_container(&id);
            let _ = timeout(Duration::from_millis(patience_ms), starting).await;
            // Removing is refused as long as containerd is at it.
            until("containerd has made up its mind", || async {
                let status = node.runtime.container_status(&id).await.unwrap();
                match status.state() {
                    ContainerState::ContainerRunning => true,
                    ContainerState::ContainerExited => {
                        assert_eq!(
                            (status.reason.as_str(), status.started_at),
                            ("StartError", 0)
                        );
                        let words = ["context canceled", "start failed: : signal: killed"];
                        let is_given_up = words.iter().any(|one| status.message.contains(one));
                        assert!(is_given_up, "{}", status.message);
                        true
                    }
                    // The call had not reached containerd.
                    _ => node.runtime.remove_container(&id).await.is_ok(),
                }
            })
            .await;
        }
        // With a start that it gives up half-way containerd may lose the shim.
        node.remove_pods().await;
        skiff_kubelet::release_host(node.data_dir()).await.unwrap();
        node.end().await;
    });
}
