//! Security contexts as the runtime takes them.

use k8s_openapi::api::core::v1::{
    AppArmorProfile, Capabilities, Container, Pod, PodSecurityContext, SeccompProfile,
    SecurityContext,
};

use crate::runtime::cri::security_profile::ProfileType;
use crate::runtime::cri::{
    Capability, Int64Value, LinuxContainerSecurityContext, LinuxSandboxSecurityContext,
    NamespaceMode, NamespaceOption, SecurityProfile,
};

/// Hidden from containers that are not privileged (the default of `procMount`).
const MASKED_PATHS: [&str; 11] = [
    "/proc/asound",
    "/proc/acpi",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
];
const READONLY_PATHS: [&str; 5] = [
    "/proc/bus",
    "/proc/fs",
    "/proc/irq",
    "/proc/sys",
    "/proc/sysrq-trigger",
];

fn pod_context(pod: &Pod) -> PodSecurityContext {
    let spec = pod.spec.as_ref();
    spec.and_then(|spec| spec.security_context.clone())
        .unwrap_or_default()
}

/// Which namespaces the Pod has of its own.
pub(super) fn namespaces(pod: &Pod) -> NamespaceOption {
    let is = |set: Option<bool>| set == Some(true);
    let spec = pod.spec.clone().unwrap_or_default();
    let of = |is_host| {
        if is_host {
            NamespaceMode::Node
        } else {
            NamespaceMode::Pod
        }
    };
    let pid = match (is(spec.host_pid), is(spec.share_process_namespace)) {
        (true, _) => NamespaceMode::Node,
        (false, true) => NamespaceMode::Pod,
        (false, false) => NamespaceMode::Container,
    };
    NamespaceOption {
        network: of(is(spec.host_network)) as i32,
        ipc: of(is(spec.host_ipc)) as i32,
        pid: pid as i32,
        ..NamespaceOption::default()
    }
}

/// The security context of the sandbox.
pub(super) fn sandbox(pod: &Pod) -> LinuxSandboxSecurityContext {
    let context = pod_context(pod);
    let is_privileged = crate::pods::object::containers(pod).any(|(_, container)| {
        container
            .security_context
            .as_ref()
            .and_then(|own| own.privileged)
            == Some(true)
    });
    LinuxSandboxSecurityContext {
        namespace_options: Some(namespaces(pod)),
        run_as_user: context.run_as_user.map(|value| Int64Value { value }),
        run_as_group: context
            .run_as_user
            .and(context.run_as_group)
            .map(|value| Int64Value { value }),
        supplemental_groups: groups(&context),
        privileged: is_privileged,
        // The pause process always has the runtime's profile.
        seccomp: Some(SecurityProfile {
            profile_type: ProfileType::RuntimeDefault as i32,
            localhost_ref: String::new(),
        }),
        ..LinuxSandboxSecurityContext::default()
    }
}

fn groups(context: &PodSecurityContext) -> Vec<i64> {
    let supplemental = context.supplemental_groups.iter().flatten().copied();
    supplemental.chain(context.fs_group).collect()
}

/// The security context of a container: its own settings, else the Pod's. It sees the processes of `target_id`, if there is
/// such a container.
pub(super) fn container(
    pod: &Pod,
    container: &Container,
    target_id: Option<&str>,
) -> LinuxContainerSecurityContext {
    let of_pod = pod_context(pod);
    let own = container.security_context.clone().unwrap_or_default();
    let is_privileged = own.privileged == Some(true);
    let is_unmasked = is_privileged || own.proc_mount.as_deref() == Some("Unmasked");
    let paths = |paths: &[&str]| paths.iter().map(|path| (*path).to_owned()).collect();
    let user = own.run_as_user.or(of_pod.run_as_user);
    let group = own.run_as_group.or(of_pod.run_as_group);
    LinuxContainerSecurityContext {
        capabilities: own.capabilities.as_ref().map(capabilities),
        privileged: is_privileged,
        namespace_options: Some(match target_id {
            Some(id) => NamespaceOption {
                pid: NamespaceMode::Target as i32,
                target_id: id.to_owned(),
                ..namespaces(pod)
            },
            None => namespaces(pod),
        }),
        run_as_user: user.map(|value| Int64Value { value }),
        // A group needs a user: without one the image's user counts, and the runtime knows only that.
        run_as_group: user.and(group).map(|value| Int64Value { value }),
        supplemental_groups: groups(&of_pod),
        readonly_rootfs: own.read_only_root_filesystem == Some(true),
        no_new_privs: has_no_new_privileges(&own),
        masked_paths: if is_unmasked {
            Vec::new()
        } else {
            paths(&MASKED_PATHS)
        },
        readonly_paths: if is_unmasked {
            Vec::new()
        } else {
            paths(&READONLY_PATHS)
        },
        seccomp: Some(seccomp(
            own.seccomp_profile
                .as_ref()
                .or(of_pod.seccomp_profile.as_ref()),
        )),
        apparmor: own
            .app_armor_profile
            .as_ref()
            .or(of_pod.app_armor_profile.as_ref())
            .map(apparmor),
        ..LinuxContainerSecurityContext::default()
    }
}

fn has_no_new_privileges(own: &SecurityContext) -> bool {
    own.allow_privilege_escalation == Some(false)
}

/// Without a profile a container is unconfined (the kubelet's seccompDefault is off by default).
fn seccomp(profile: Option<&SeccompProfile>) -> SecurityProfile {
    let (kind, file) = match profile {
        Some(SeccompProfile {
            type_,
            localhost_profile,
        }) => match type_.as_str() {
            "RuntimeDefault" => (ProfileType::RuntimeDefault, String::new()),
            "Localhost" => (
                ProfileType::Localhost,
                localhost_profile.clone().unwrap_or_default(),
            ),
            _ => (ProfileType::Unconfined, String::new()),
        },
        None => (ProfileType::Unconfined, String::new()),
    };
    SecurityProfile {
        profile_type: kind as i32,
        localhost_ref: file,
    }
}

/// Without a profile the runtime has one of its own where the kernel can enforce it.
fn apparmor(profile: &AppArmorProfile) -> SecurityProfile {
    let kind = match profile.type_.as_str() {
        "RuntimeDefault" => ProfileType::RuntimeDefault,
        "Localhost" => ProfileType::Localhost,
        _ => ProfileType::Unconfined,
    };
    SecurityProfile {
        profile_type: kind as i32,
        localhost_ref: profile.localhost_profile.clone().unwrap_or_default(),
    }
}

fn capabilities(capabilities: &Capabilities) -> Capability {
    Capability {
        add_capabilities: capabilities.add.clone().unwrap_or_default(),
        drop_capabilities: capabilities.drop.clone().unwrap_or_default(),
        ..Capability::default()
    }
}
