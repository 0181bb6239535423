use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use skiff_kubelet::cri::{
    ContainerConfig, ContainerMetadata, ImageSpec, LinuxContainerConfig,
    LinuxContainerSecurityContext, LinuxPodSandboxConfig, LinuxSandboxSecurityContext,
    NamespaceMode, NamespaceOption, PodSandboxConfig, PodSandboxMetadata,
};
use skiff_kubelet::{EventStream, Runtime, RuntimeEvent, cgroup_parent, labels};
use tokio::time::timeout;

use super::Node;

/// A Pod on a node, made by CRI alone.
pub(crate) struct Pod {
    pub(crate) config: PodSandboxConfig,
    pub(crate) sandbox_id: String,
    pub(crate) uid: String,
}

impl Pod {
    pub(crate) async fn run(node: &Node, name: &str) -> Pod {
        Pod::run_with(node, name, |_| {}).await
    }

    pub(crate) async fn run_with(
        node: &Node,
        name: &str,
        change: impl FnOnce(&mut PodSandboxConfig),
    ) -> Pod {
        let uid = format!("uid-of-{name}");
        let mut config = PodSandboxConfig {
            metadata: Some(PodSandboxMetadata {
                name: name.to_owned(),
                uid: uid.clone(),
                namespace: "default".to_owned(),
                attempt: 0,
            }),
            hostname: name.to_owned(),
            log_directory: text(node.data_dir().join("logs").join(&uid)),
            labels: pod_labels(name, &uid),
            linux: Some(LinuxPodSandboxConfig {
                cgroup_parent: cgroup_parent(node.data_dir()),
                security_context: Some(LinuxSandboxSecurityContext {
                    namespace_options: Some(namespaces(NamespaceMode::Container)),
                    ..LinuxSandboxSecurityContext::default()
                }),
                ..LinuxPodSandboxConfig::default()
            }),
            ..PodSandboxConfig::default()
        };
        change(&mut config);
        let sandbox_id = node
            .runtime
            .run_sandbox(config.clone(), String::new())
            .await
            .unwrap();
        Pod {
            config,
            sandbox_id,
            uid,
        }
    }

    pub(crate) async fn ip(&self, node: &Node) -> String {
        let status = node.runtime.sandbox_status(&self.sandbox_id).await.unwrap();
        status.network.unwrap().ip
    }

    /// Creates and starts a container of busybox.
    pub(crate) async fn start(&self, node: &Node, name: &str, argv: &[&str]) -> String {
        let id = self.create(node, name, argv).await;
        node.runtime.start_container(&id).await.unwrap();
        id
    }

    pub(crate) async fn create(&self, node: &Node, name: &str, argv: &[&str]) -> String {
        let config = container_config(self, name, argv);
        let runtime = &node.runtime;
        let created = runtime.create_container(&self.sandbox_id, config, self.config.clone());
        created.await.unwrap()
    }

    pub(crate) fn log_file(&self, container: &str) -> PathBuf {
        PathBuf::from(&self.config.log_directory).join(format!("{container}.log"))
    }
}

fn container_config(pod: &Pod, name: &str, argv: &[&str]) -> ContainerConfig {
    let mut labels = pod.config.labels.clone();
    labels.insert(labels::CONTAINER_NAME.to_owned(), name.to_owned());
    let security = pod.config.linux.as_ref().unwrap().security_context.as_ref();
    ContainerConfig {
        metadata: Some(ContainerMetadata {
            name: name.to_owned(),
            attempt: 0,
        }),
        image: Some(ImageSpec {
            image: "docker.io/library/busybox:1.28".to_owned(),
            ..ImageSpec::default()
        }),
        command: argv.iter().map(|word| (*word).to_owned()).collect(),
        log_path: format!("{name}.log"),
        labels,
        linux: Some(LinuxContainerConfig {
            security_context: Some(LinuxContainerSecurityContext {
                namespace_options: security.and_then(|security| security.namespace_options.clone()),
                ..LinuxContainerSecurityContext::default()
            }),
            ..LinuxContainerConfig::default()
        }),
        ..ContainerConfig::default()
    }
}

/// Namespaces of the Pod's own; those for processes in this mode.
fn namespaces(pid: NamespaceMode) -> NamespaceOption {
    NamespaceOption {
        network: NamespaceMode::Pod as i32,
        pid: pid as i32,
        ipc: NamespaceMode::Pod as i32,
        ..NamespaceOption::default()
    }
}

fn pod_labels(name: &str, uid: &str) -> HashMap<String, String> {
    [
        (labels::POD_NAME, name),
        (labels::POD_NAMESPACE, "default"),
        (labels::POD_UID, uid),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into()
}

fn text(path: PathBuf) -> String {
    path.into_os_string().into_string().unwrap()
}

/// The event that comes next.
pub(crate) async fn next_event(events: &mut EventStream) -> RuntimeEvent {
    let event = timeout(Duration::from_secs(30), events.next()).await;
    event.expect("an event in time").expect("events go on")
}

/// Waits for a condition that nothing tells of.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, condition: impl Fn() -> F) {
    let waiting = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let met = timeout(Duration::from_secs(30), waiting).await;
    assert!(met.is_ok(), "waited in vain until {what}");
}
