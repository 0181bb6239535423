//! The configuration of a container.

use std::path::Path;

use k8s_openapi::api::core::v1::{Container, Pod};

use super::{env, resources, sandbox, security};
use crate::logs::container_log_path;
use crate::pods::object;
use crate::pods::seen::annotations;
use crate::runtime::cri::{
    ContainerConfig, ContainerMetadata, ImageSpec, KeyValue, LinuxContainerConfig, Mount,
};
use crate::runtime::labels;

/// Where the termination message is written unless the container says otherwise.
pub(crate) const TERMINATION_MESSAGE_PATH: &str = "/dev/termination-log";

/// All that a container's configuration is made from.
pub(crate) struct Input<'a> {
    pub(crate) pod: &'a Pod,
    pub(crate) container: &'a Container,
    pub(crate) attempt: i32,
    /// The id of the container whose processes it is to see.
    pub(crate) target_id: Option<&'a str>,
    /// The image by its id on this node.
    pub(crate) image_id: &'a str,
    pub(crate) environment: Vec<(String, String)>,
    /// Volumes, in the order of the spec.
    pub(crate) mounts: Vec<Mount>,
    /// The file that takes the termination message.
    pub(crate) termination_log: &'a Path,
    /// The hosts file that the kubelet manages.
    pub(crate) etc_hosts: &'a Path,
    pub(crate) node_memory_bytes: i64,
}

/// Makes the configuration.
pub(crate) fn config(input: Input<'_>) -> ContainerConfig {
    let Input {
        pod,
        container,
        attempt,
        ..
    } = input;
    let name = &container.name;
    let run = u32::try_from(attempt).unwrap_or(0);
    let is = |set: Option<bool>| set == Some(true);
    ContainerConfig {
        metadata: Some(ContainerMetadata {
            name: name.clone(),
            attempt: run,
        }),
        image: Some(ImageSpec {
            image: input.image_id.to_owned(),
            user_specified_image: container.image.clone().unwrap_or_default(),
            ..ImageSpec::default()
        }),
        command: env::expanded(container.command.as_ref(), &input.environment),
        args: env::expanded(container.args.as_ref(), &input.environment),
        working_dir: container.working_dir.clone().unwrap_or_default(),
        mounts: mounts(&input),
        labels: sandbox::identity(pod)
            .into_iter()
            .chain([(labels::CONTAINER_NAME.to_owned(), name.clone())])
            .collect(),
        annotations: notes(pod, container, attempt).collect(),
        log_path: container_log_path(name, run).to_string_lossy().into_owned(),
        stdin: is(container.stdin),
        stdin_once: is(container.stdin_once),
        tty: is(container.tty),
        linux: Some(LinuxContainerConfig {
            resources: Some(resources::linux(pod, container, input.node_memory_bytes)),
            security_context: Some(security::container(pod, container, input.target_id)),
        }),
        envs: input
            .environment
            .into_iter()
            .map(|(key, value)| KeyValue { key, value })
            .collect(),
        ..ContainerConfig::default()
    }
}

/// What a kubelet that starts again must know of the container.
fn notes(pod: &Pod, container: &Container, attempt: i32) -> impl Iterator<Item = (String, String)> {
    let spec = pod.spec.as_ref();
    let grace_s = spec.and_then(|spec| spec.termination_grace_period_seconds);
    let path = container.termination_message_path.as_deref();
    let policy = container.termination_message_policy.as_deref();
    [
        (annotations::HASH, object::hash(container)),
        (annotations::RESTART_COUNT, attempt.to_string()),
        (
            annotations::TERMINATION_MESSAGE_PATH,
            path.unwrap_or(TERMINATION_MESSAGE_PATH).to_owned(),
        ),
        (
            annotations::TERMINATION_MESSAGE_POLICY,
            policy.unwrap_or("File").to_owned(),
        ),
    ]
    .into_iter()
    .chain(grace_s.map(|seconds| (annotations::GRACE_PERIOD, seconds.to_string())))
    .map(|(key, value)| (key.to_owned(), value))
}

/// The volumes, then the files that the kubelet manages unless a volume stands there.
fn mounts(input: &Input<'_>) -> Vec<Mount> {
    let mut mounts = input.mounts.clone();
    let own = |path: &Path, container_path: &str| Mount {
        container_path: container_path.to_owned(),
        host_path: path.to_string_lossy().into_owned(),
        ..Mount::default()
    };
    if !mounts
        .iter()
        .any(|mount| mount.container_path == "/etc/hosts")
    {
        mounts.push(own(input.etc_hosts, "/etc/hosts"));
    }
    let message_path = input.container.termination_message_path.as_deref();
    let message_path = message_path.unwrap_or(TERMINATION_MESSAGE_PATH);
    if !message_path.is_empty() {
        mounts.push(own(input.termination_log, message_path));
    }
    mounts
}
