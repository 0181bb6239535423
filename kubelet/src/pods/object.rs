//! What the kubelet asks of a Pod object again and again.

use std::borrow::Cow;

use k8s_openapi::api::core::v1::{
    Container, ContainerState, ContainerStatus, EphemeralContainer, ObjectReference, Pod, PodStatus,
};
use kube::ResourceExt;
use skiff_client::ObjectKey;

/// Pods from this priority on are the cluster's own (scheduling.SystemCriticalPriority).
const SYSTEM_CRITICAL_PRIORITY: i32 = 2_000_000_000;

/// What a container is in its Pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Runs to its end before the next one starts.
    Init,
    /// An init container with `restartPolicy: Always`: runs on beside the containers (KEP-753).
    Sidecar,
    /// One of `spec.containers`.
    App,
    /// One of `spec.ephemeralContainers`: added to look inside, and run once.
    Ephemeral,
}

/// When an ended container is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RestartPolicy {
    Always,
    OnFailure,
    Never,
}

impl RestartPolicy {
    fn parse(policy: Option<&str>) -> Option<Self> {
        Some(match policy? {
            "Never" => RestartPolicy::Never,
            "OnFailure" => RestartPolicy::OnFailure,
            _ => RestartPolicy::Always,
        })
    }

    /// Whether a container that ended so is to be started again.
    pub(crate) fn restarts(self, exit_code: i32) -> bool {
        match self {
            RestartPolicy::Always => true,
            RestartPolicy::OnFailure => exit_code != 0,
            RestartPolicy::Never => false,
        }
    }
}

pub(crate) fn uid(pod: &Pod) -> &str {
    pod.metadata.uid.as_deref().unwrap_or_default()
}

pub(crate) fn key(pod: &Pod) -> ObjectKey {
    ObjectKey::of(pod)
}

/// `name_namespace(uid)`, as messages of the kubelet name Pods.
pub(crate) fn display(pod: &Pod) -> String {
    let namespace = pod.namespace().unwrap_or_default();
    format!("{}_{namespace}({})", pod.name_any(), uid(pod))
}

/// The Pod as the object of an event.
pub(crate) fn reference(pod: &Pod) -> ObjectReference {
    ObjectReference {
        api_version: Some("v1".to_owned()),
        kind: Some("Pod".to_owned()),
        namespace: pod.namespace(),
        name: Some(pod.name_any()),
        uid: pod.metadata.uid.clone(),
        resource_version: pod.metadata.resource_version.clone(),
        field_path: None,
    }
}

/// A container of the Pod as the object of an event: `spec.containers{name}`.
pub(crate) fn container_reference(pod: &Pod, name: &str) -> ObjectReference {
    let list = match role(pod, name) {
        Some(Role::Init | Role::Sidecar) => "initContainers",
        Some(Role::Ephemeral) => "ephemeralContainers",
        _ => "containers",
    };
    ObjectReference {
        field_path: Some(format!("spec.{list}{{{name}}}")),
        ..reference(pod)
    }
}

fn init_role(container: &Container) -> Role {
    match container.restart_policy.as_deref() {
        Some("Always") => Role::Sidecar,
        _ => Role::Init,
    }
}

/// The init containers in their order, each with its role.
pub(crate) fn init_containers(pod: &Pod) -> impl DoubleEndedIterator<Item = (Role, &Container)> {
    let spec = pod.spec.as_ref();
    spec.and_then(|spec| spec.init_containers.as_deref())
        .unwrap_or_default()
        .iter()
        .map(|container| (init_role(container), container))
}

/// `spec.containers`.
pub(crate) fn app_containers(pod: &Pod) -> &[Container] {
    pod.spec
        .as_ref()
        .map(|spec| spec.containers.as_slice())
        .unwrap_or_default()
}

/// The containers that were added to look inside, as containers like the others (KEP-277).
pub(crate) fn ephemeral_containers(pod: &Pod) -> impl Iterator<Item = Container> {
    ephemerals(pod).iter().map(as_container)
}

fn ephemerals(pod: &Pod) -> &[EphemeralContainer] {
    let spec = pod.spec.as_ref();
    spec.and_then(|spec| spec.ephemeral_containers.as_deref())
        .unwrap_or_default()
}

fn as_container(ephemeral: &EphemeralContainer) -> Container {
    let one = ephemeral.clone();
    Container {
        name: one.name,
        image: one.image,
        image_pull_policy: one.image_pull_policy,
        command: one.command,
        args: one.args,
        working_dir: one.working_dir,
        env: one.env,
        env_from: one.env_from,
        volume_mounts: one.volume_mounts,
        volume_devices: one.volume_devices,
        security_context: one.security_context,
        stdin: one.stdin,
        stdin_once: one.stdin_once,
        tty: one.tty,
        termination_message_path: one.termination_message_path,
        termination_message_policy: one.termination_message_policy,
        ..Container::default()
    }
}

/// The container whose processes an ephemeral container sees, if it names one.
pub(crate) fn target<'a>(pod: &'a Pod, name: &str) -> Option<&'a str> {
    let found = ephemerals(pod).iter().find(|one| one.name == name)?;
    let target = found.target_container_name.as_deref();
    target.filter(|target| !target.is_empty())
}

/// All containers that the Pod was made with: init containers first.
pub(crate) fn containers(pod: &Pod) -> impl Iterator<Item = (Role, &Container)> {
    init_containers(pod).chain(app_containers(pod).iter().map(|app| (Role::App, app)))
}

/// The container of that name, whatever its role.
pub(crate) fn any_container<'a>(pod: &'a Pod, name: &str) -> Option<Cow<'a, Container>> {
    let ephemeral = || ephemerals(pod).iter().find(|one| one.name == name);
    container(pod, name)
        .map(Cow::Borrowed)
        .or_else(|| ephemeral().map(|one| Cow::Owned(as_container(one))))
}

/// The container of that name that the Pod was made with.
pub(crate) fn container<'a>(pod: &'a Pod, name: &str) -> Option<&'a Container> {
    containers(pod)
        .find(|(_, container)| container.name == name)
        .map(|(_, container)| container)
}

/// The role of the container of that name.
pub(crate) fn role(pod: &Pod, name: &str) -> Option<Role> {
    containers(pod)
        .find(|(_, container)| container.name == name)
        .map(|(role, _)| role)
        .or_else(|| {
            let mut ephemerals = ephemerals(pod).iter();
            ephemerals
                .any(|one| one.name == name)
                .then_some(Role::Ephemeral)
        })
}

/// What a status says of the container of that name.
pub(crate) fn known_status<'a>(
    status: Option<&'a PodStatus>,
    name: &str,
) -> Option<&'a ContainerStatus> {
    let status = status?;
    let lists = [
        &status.init_container_statuses,
        &status.container_statuses,
        &status.ephemeral_container_statuses,
    ];
    let mut all = lists.into_iter().flatten().flatten();
    all.find(|one| one.name == name)
}

/// The restart count of a container of which the runtime has nothing any more. Its next start is a restart if it had
/// run; one that was only made had not. A status without a container counts that start already.
pub(crate) fn restarts_after_loss(known: &ContainerStatus) -> i32 {
    let ran = |state: &ContainerState| state.running.is_some() || state.terminated.is_some();
    let states = [&known.state, &known.last_state];
    let has_run = states.into_iter().flatten().any(ran);
    known.restart_count + i32::from(known.container_id.is_some() && has_run)
}

/// When this container is started again: its own policy if it has one (KEP-5307), else the Pod's.
/// An init container under `Always` is tried until it succeeds.
pub(crate) fn restart_policy(pod: &Pod, role: Role, container: &Container) -> RestartPolicy {
    let own = RestartPolicy::parse(container.restart_policy.as_deref());
    let spec = pod.spec.as_ref();
    let pods = RestartPolicy::parse(spec.and_then(|spec| spec.restart_policy.as_deref()));
    let policy = own.or(pods).unwrap_or(RestartPolicy::Always);
    match (role, policy) {
        (Role::Sidecar, _) => RestartPolicy::Always,
        (Role::Ephemeral, _) => RestartPolicy::Never,
        (Role::Init, RestartPolicy::Always) => RestartPolicy::OnFailure,
        (_, policy) => policy,
    }
}

/// Whether a container that ended so is started again: the first of its rules that speaks of the exit code decides (KEP-5307),
/// else its policy.
pub(crate) fn restarts(pod: &Pod, role: Role, container: &Container, exit_code: i32) -> bool {
    let rules = container.restart_policy_rules.iter().flatten();
    let mut spoken = rules.filter(|rule| {
        rule.exit_codes.as_ref().is_some_and(|codes| {
            let is_named = codes.values.iter().flatten().any(|code| *code == exit_code);
            is_named == (codes.operator == "In")
        })
    });
    match spoken.next() {
        Some(rule) => rule.action == "Restart",
        None => restart_policy(pod, role, container).restarts(exit_code),
    }
}

pub(crate) fn on_host_network(pod: &Pod) -> bool {
    pod.spec
        .as_ref()
        .and_then(|spec| spec.host_network)
        .unwrap_or(false)
}

/// Whether `status.phase` says that the Pod has ended for good.
pub(crate) fn is_terminal(pod: &Pod) -> bool {
    let phase = pod
        .status
        .as_ref()
        .and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}

/// How important the Pod is.
pub(crate) fn priority(pod: &Pod) -> i32 {
    let spec = pod.spec.as_ref();
    spec.and_then(|spec| spec.priority).unwrap_or(0)
}

/// Whether the Pod is one of the cluster's own.
pub(crate) fn is_critical(pod: &Pod) -> bool {
    priority(pod) >= SYSTEM_CRITICAL_PRIORITY
}

/// Whether the kubelet has ended the Pod, and the API server knows.
pub(crate) fn is_evicted(pod: &Pod) -> bool {
    let status = pod.status.as_ref();
    let reason = status.and_then(|status| status.reason.as_deref());
    is_terminal(pod) && reason == Some("Evicted")
}

/// How long the Pod may take to stop, in seconds: as its deletion says, else as its spec says.
pub(crate) fn grace_s(pod: &Pod) -> i64 {
    let spec = pod.spec.as_ref();
    pod.metadata
        .deletion_grace_period_seconds
        .or(spec.and_then(|spec| spec.termination_grace_period_seconds))
        .unwrap_or(30)
        .max(0)
}

/// A hash of the parts of a container whose change replaces it: its name and image, as the kubelet has it since v1.31.
pub(crate) fn hash(container: &Container) -> String {
    let image = container.image.as_deref().unwrap_or_default();
    let bytes = container.name.bytes().chain([0]).chain(image.bytes());
    // FNV-1a: short and the same in every build.
    let hash = bytes.fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    format!("{hash:x}")
}
