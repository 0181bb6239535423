//! The configuration that a kubelet gave to the runtime, read back to be given again.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use k8s_cri::v1::{
    Capability, ContainerConfig, ContainerMetadata, Device, DnsConfig, ImageSpec, KeyValue,
    LinuxContainerConfig, LinuxContainerResources, LinuxContainerSecurityContext,
    LinuxPodSandboxConfig, LinuxSandboxSecurityContext, Mount, NamespaceOption, PodSandboxConfig,
    PodSandboxMetadata, PortMapping, SecurityProfile,
};
use serde_json::Value;

use super::complete::complete;
use super::cri::{Made, Runtime, Wanted};

/// How the labels of a kubelet's own sandboxes begin, and those of the copies: a kubelet removes
/// what bears its labels and belongs to no Pod.
const KUBELETS: &str = "io.kubernetes.";
const OURS: &str = "raw.skiff.dev.";

/// A Pod's configuration.
#[derive(Debug)]
pub(super) struct Template {
    wanted: Wanted,
    /// As containerd tells it, without what is different in each Pod.
    told: [Value; 2],
}

impl Template {
    /// The configuration of the Pod of this name, which runs and has one container.
    pub(super) async fn of(runtime: &mut Runtime, pod: &str) -> Result<Self> {
        let made = runtime.find(pod).await?;
        let told = runtime.configurations(&made).await?;
        let sandbox = complete(&sandbox_shape()?, &told[0]);
        let container = complete(&container_shape()?, &told[1]);
        Ok(Self {
            wanted: Wanted {
                sandbox: serde_json::from_value(sandbox)
                    .context("read the sandbox's configuration")?,
                container: serde_json::from_value(container)
                    .context("read the container's configuration")?,
            },
            told: told.map(without_identity),
        })
    }

    /// The same for a sandbox of another name, its logs in a folder of its own below `logs`.
    pub(super) fn copy(&self, number: u32, logs: &Path) -> Result<Wanted> {
        let mut copy = self.wanted.clone();
        let metadata = copy
            .sandbox
            .metadata
            .as_mut()
            .context("a sandbox has metadata")?;
        metadata.name = format!("raw-{number}");
        metadata.uid = format!("{:032x}", rand::random::<u128>());
        let container = copy
            .container
            .metadata
            .as_ref()
            .context("a container has metadata")?;
        let logs = logs.join(format!("raw-{number}"));
        // The kubelet's part in Kubernetes too, and so not measured.
        std::fs::create_dir_all(logs.join(&container.name))?;
        copy.sandbox.log_directory = logs.to_string_lossy().into_owned();
        for labels in [&mut copy.sandbox.labels, &mut copy.container.labels] {
            *labels = renamed(std::mem::take(labels));
        }
        Ok(copy)
    }

    /// Fails unless what a copy became is configured as the Pod is.
    pub(super) async fn compare(&self, runtime: &mut Runtime, made: &Made) -> Result<()> {
        let told = runtime.configurations(made).await?.map(without_identity);
        for (pod, copy) in self.told.iter().zip(&told) {
            ensure!(
                pod == copy,
                "the raw calls are not the Pod's:\n{copy}\ninstead of\n{pod}"
            );
        }
        Ok(())
    }
}

fn renamed(labels: HashMap<String, String>) -> HashMap<String, String> {
    labels
        .into_iter()
        .map(|(key, value)| (key.replace(KUBELETS, OURS), value))
        .collect()
}

/// A configuration without names, which are another's in each Pod.
fn without_identity(mut config: Value) -> Value {
    if let Some(config) = config.as_object_mut() {
        config.remove("metadata");
        config.remove("log_directory");
        // Their values name the Pod; they are renamed in a copy.
        config.remove("labels");
    }
    config
}

/// A sandbox's configuration with every message and an element in every list: see [`complete`].
fn sandbox_shape() -> Result<Value> {
    let security = LinuxSandboxSecurityContext {
        namespace_options: Some(NamespaceOption::default()),
        run_as_user: Some(Default::default()),
        run_as_group: Some(Default::default()),
        seccomp: Some(SecurityProfile::default()),
        apparmor: Some(SecurityProfile::default()),
        ..Default::default()
    };
    let linux = LinuxPodSandboxConfig {
        security_context: Some(security),
        overhead: Some(LinuxContainerResources::default()),
        resources: Some(LinuxContainerResources::default()),
        ..Default::default()
    };
    Ok(serde_json::to_value(PodSandboxConfig {
        metadata: Some(PodSandboxMetadata::default()),
        dns_config: Some(DnsConfig::default()),
        port_mappings: vec![PortMapping::default()],
        linux: Some(linux),
        ..Default::default()
    })?)
}

/// The same of a container's.
fn container_shape() -> Result<Value> {
    let security = LinuxContainerSecurityContext {
        capabilities: Some(Capability::default()),
        namespace_options: Some(NamespaceOption::default()),
        run_as_user: Some(Default::default()),
        run_as_group: Some(Default::default()),
        seccomp: Some(SecurityProfile::default()),
        apparmor: Some(SecurityProfile::default()),
        ..Default::default()
    };
    let linux = LinuxContainerConfig {
        resources: Some(LinuxContainerResources::default()),
        security_context: Some(security),
    };
    Ok(serde_json::to_value(ContainerConfig {
        metadata: Some(ContainerMetadata::default()),
        image: Some(ImageSpec::default()),
        envs: vec![KeyValue::default()],
        mounts: vec![Mount::default()],
        devices: vec![Device::default()],
        linux: Some(linux),
        ..Default::default()
    })?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_containerd_tells_becomes_a_message_again() -> Result<()> {
        let told = json!({
            "metadata": { "name": "server" },
            "image": { "image": "sha256:1234" },
            "command": ["sleep", "3600"],
            "envs": [{ "key": "EMPTY" }, { "key": "A", "value": "b" }],
            "mounts": [{ "container_path": "/etc/hosts", "host_path": "/x/hosts", "readonly": true }],
            "labels": { "io.kubernetes.pod.name": "p" },
            "log_path": "server/0.log",
            "linux": { "resources": { "cpu_shares": 2 }, "security_context": { "run_as_user": {} } },
        });
        let config: ContainerConfig = serde_json::from_value(complete(&container_shape()?, &told))?;
        assert_eq!(config.command, ["sleep", "3600"]);
        assert_eq!(config.envs[0].key, "EMPTY");
        assert_eq!(config.envs[0].value, "");
        assert!(config.mounts[0].readonly);
        assert_eq!(config.labels["io.kubernetes.pod.name"], "p");
        let linux = config.linux.context("linux")?;
        assert_eq!(linux.resources.context("resources")?.cpu_shares, 2);
        let security = linux.security_context.context("security")?;
        // User 0 is said by a message without fields.
        assert_eq!(security.run_as_user.context("user")?.value, 0);
        assert!(security.capabilities.is_none());
        assert!(config.devices.is_empty());
        Ok(())
    }
}
