//! What a Pod and its containers may do on the machine.

use crate::field::Errors;
use crate::kinds::common::Field;
use crate::kinds::common::checks::{self, IDS};
use crate::kinds::common::paths;

/// What is wrong with the security context of a Pod, and with the namespaces it shares.
pub(super) fn validate_pod(spec: &Field<'_>, errors: &mut Errors) {
    let context = spec.get("securityContext");
    for id in ["runAsUser", "runAsGroup", "fsGroup"] {
        checks::in_range(&context.get(id), IDS, errors);
    }
    for group in context.get("supplementalGroups").items() {
        checks::in_range(&group, IDS, errors);
    }
    let policy = context.get("fsGroupChangePolicy");
    checks::one_of_if_set(&policy, &["Always", "OnRootMismatch"], errors);
    let policy = context.get("supplementalGroupsPolicy");
    checks::one_of_if_set(&policy, &["Merge", "Strict"], errors);
    profiles(&context, errors);
    sysctls(&context, errors);
    user_namespace(spec, errors);
    let shared = spec.get("shareProcessNamespace");
    if shared.is_true() && spec.get("hostPID").is_true() {
        errors.push(shared.invalid("ShareProcessNamespace and HostPID cannot both be enabled"));
    }
}

/// Each once, and named as a file below `/proc/sys`, with dots or slashes.
fn sysctls(context: &Field<'_>, errors: &mut Errors) {
    let mut seen = Vec::new();
    for sysctl in context.get("sysctls").items() {
        let name = sysctl.get("name");
        if name.is_empty() {
            errors.push(name.required(""));
        } else if !is_sysctl(name.str()) {
            errors.push(name.invalid(format!(
                "must have at most 253 characters and match regex ^({SYSCTL_PART}[\\./])*{SYSCTL_PART}$"
            )));
        } else if seen.contains(&name.str().to_owned()) {
            errors.push(name.duplicate());
        }
        seen.push(name.str().to_owned());
    }
}

const SYSCTL_PART: &str = "[a-z0-9]([-_a-z0-9]*[a-z0-9])?";

fn is_sysctl(name: &str) -> bool {
    let is_plain = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_part = |part: &str| {
        let bytes = part.as_bytes();
        let ends = [bytes.first(), bytes.last()];
        ends.iter().all(|end| end.is_some_and(is_plain))
            && bytes
                .iter()
                .all(|byte| is_plain(byte) || matches!(byte, b'-' | b'_'))
    };
    name.len() <= 253 && name.split(['.', '/']).all(is_part)
}

/// A Pod with users of its own shares no other namespace with the host (KEP-127).
fn user_namespace(spec: &Field<'_>, errors: &mut Errors) {
    if spec.get("hostUsers").value() != false {
        return;
    }
    for (shared, shown) in [
        ("hostNetwork", "hostNetwork"),
        ("hostPID", "HostPID"),
        ("hostIPC", "HostIPC"),
    ] {
        if spec.get(shared).is_true() {
            let words = "when `pod.Spec.HostUsers` is false";
            errors.push(spec.get(shown).forbidden(words));
        }
    }
}

/// What is wrong with the security context of a container.
pub(super) fn validate_container(context: &Field<'_>, errors: &mut Errors) {
    for id in ["runAsUser", "runAsGroup"] {
        checks::in_range(&context.get(id), IDS, errors);
    }
    checks::one_of_if_set(&context.get("procMount"), &["Default", "Unmasked"], errors);
    profiles(context, errors);
    let escalation = context.get("allowPrivilegeEscalation");
    if escalation.value() != false {
        return;
    }
    if context.get("privileged").is_true() {
        let words = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true";
        errors.push(context.invalid(words));
    }
    let added = context.get("capabilities").get("add");
    if added
        .items()
        .any(|capability| capability.str() == "CAP_SYS_ADMIN")
    {
        let words =
            "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN";
        errors.push(context.invalid(words));
    }
}

fn profiles(context: &Field<'_>, errors: &mut Errors) {
    for (name, system) in [
        ("seccompProfile", "seccomp"),
        ("appArmorProfile", "AppArmor"),
    ] {
        let profile = context.get(name);
        if !profile.is_set() {
            continue;
        }
        let (kind, local) = (profile.get("type"), profile.get("localhostProfile"));
        if kind.is_empty() {
            errors.push(kind.required(&format!("type is required when {name} is set")));
        }
        checks::one_of_if_set(
            &kind,
            &["Localhost", "RuntimeDefault", "Unconfined"],
            errors,
        );
        match (kind.str(), local.is_set()) {
            ("Localhost", false) => {
                let words = format!("must be set when {system} type is Localhost");
                errors.push(local.required(&words));
            }
            ("Localhost", true) => paths::local_path(&local, errors),
            (_, true) => {
                let words = format!("can only be set when {system} type is Localhost");
                errors.push(local.invalid(words));
            }
            (_, false) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::common::testing::words;

    #[test]
    fn pods() {
        let spec = json!({
            "securityContext": {"runAsUser": -1, "seccompProfile": {"type": "Localhost"}},
            "shareProcessNamespace": true, "hostPID": true,
        });
        let mut errors = Errors::new();
        validate_pod(&Field::root(&spec), &mut errors);
        let expected = [
            "securityContext.runAsUser: Invalid value: -1: must be between 0 and 2147483647, inclusive",
            "securityContext.seccompProfile.localhostProfile: Required value: \
             must be set when seccomp type is Localhost",
            "shareProcessNamespace: Invalid value: true: ShareProcessNamespace and HostPID cannot both be enabled",
        ];
        assert_eq!(words(&errors), expected);
    }

    #[test]
    fn settings_of_the_kernel_have_names() {
        let named = [
            "kernel.shm_rmid_forced",
            "net/ipv4/ip_forward",
            "foo-",
            "bar..",
            "",
            "foo-",
            "a.b",
            "a.b",
        ];
        let sysctls: Vec<_> = named
            .iter()
            .map(|name| json!({"name": name, "value": "1"}))
            .collect();
        let spec = json!({"securityContext": {"sysctls": sysctls}});
        let mut errors = Errors::new();
        validate_pod(&Field::root(&spec), &mut errors);
        let wrong = "must have at most 253 characters and match regex \
             ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$";
        let expected = [
            format!("securityContext.sysctls[2].name: Invalid value: \"foo-\": {wrong}"),
            format!("securityContext.sysctls[3].name: Invalid value: \"bar..\": {wrong}"),
            "securityContext.sysctls[4].name: Required value".to_owned(),
            format!("securityContext.sysctls[5].name: Invalid value: \"foo-\": {wrong}"),
            "securityContext.sysctls[7].name: Duplicate value: \"a.b\"".to_owned(),
        ];
        assert_eq!(words(&errors), expected);
    }

    #[test]
    fn a_pod_with_users_of_its_own() {
        let spec = json!({
            "hostUsers": false, "hostNetwork": true, "hostPID": true,
            "securityContext": {"supplementalGroupsPolicy": "None"},
        });
        let mut errors = Errors::new();
        validate_pod(&Field::root(&spec), &mut errors);
        let expected = [
            "securityContext.supplementalGroupsPolicy: Unsupported value: \"None\": supported values: \"Merge\", \"Strict\"",
            "hostNetwork: Forbidden: when `pod.Spec.HostUsers` is false",
            "HostPID: Forbidden: when `pod.Spec.HostUsers` is false",
        ];
        assert_eq!(words(&errors), expected);
    }

    #[test]
    fn containers() {
        let context = json!({"privileged": true, "allowPrivilegeEscalation": false});
        let mut errors = Errors::new();
        validate_container(&Field::root(&context), &mut errors);
        let expected = "<nil>: Invalid value: {\"allowPrivilegeEscalation\":false,\"privileged\":true}: \
                        cannot set `allowPrivilegeEscalation` to false and `privileged` to true";
        assert_eq!(words(&errors), [expected]);
    }
}
