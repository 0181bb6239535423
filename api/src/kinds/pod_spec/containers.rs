//! Containers of the three kinds: those that run, those that run before, and those added to look inside.

use std::collections::HashSet;

use super::{env, handlers, mounts, ports, resize_policy, resources, security};
use crate::field::Errors;
use crate::kinds::common::Field;
use crate::kinds::common::checks::{self, Seen};
use crate::names;

/// What a container's rules depend on.
enum Role {
    Main,
    Init,
    /// An init container with `restartPolicy: Always`, a sidecar.
    Sidecar,
    Ephemeral,
}

/// Fields that a container may not have, and why.
type Forbids = (&'static [&'static str], &'static str);

/// Init containers end by themselves: nothing watches them.
const INIT_FORBIDS: Forbids = (
    &[
        "lifecycle",
        "livenessProbe",
        "readinessProbe",
        "startupProbe",
    ],
    "may not be set for init containers without restartPolicy=Always",
);

/// Ephemeral containers are for a look inside: they serve nothing and take no resources.
const EPHEMERAL_FORBIDS: Forbids = (
    &[
        "ports",
        "resources",
        "resizePolicy",
        "lifecycle",
        "livenessProbe",
        "readinessProbe",
        "startupProbe",
    ],
    "cannot be set for an Ephemeral Container",
);

/// What is wrong with the containers of a PodSpec.
pub(super) fn validate(spec: &Field<'_>, claims: &[&str], errors: &mut Errors) {
    let all_volumes = spec.get("volumes");
    let named = all_volumes.items().map(|volume| volume.get("name").str());
    let volumes: HashSet<&str> = named.chain(claims.iter().copied()).collect();
    let containers = spec.get("containers");
    checks::required(&containers, errors);
    let grace = spec.get("terminationGracePeriodSeconds").int();
    let restart = spec.get("restartPolicy").str();
    let mut names = Seen::new();
    for list in ["containers", "initContainers", "ephemeralContainers"] {
        for container in spec.get(list).items() {
            common(&container, &volumes, errors);
            env::validate_files(&container, &all_volumes, errors);
            let policies = container.get("resizePolicy");
            match role(list, &container) {
                Role::Main | Role::Sidecar => {
                    handlers::validate(&container, grace.unwrap_or_default(), errors);
                    resize_policy::validate(&policies, restart, errors);
                }
                Role::Init => {
                    forbid(&container, INIT_FORBIDS, errors);
                    if !policies.is_empty() {
                        errors.push(policies.invalid("must not be set for init containers"));
                    }
                }
                Role::Ephemeral => {
                    forbid(&container, EPHEMERAL_FORBIDS, errors);
                    target(&container, spec, errors);
                }
            }
            let name = container.get("name");
            names.add(name.str(), &name, errors);
        }
    }
    ports::host_ports(spec, errors);
}

fn role(list: &str, container: &Field<'_>) -> Role {
    match (list, container.get("restartPolicy").str()) {
        ("containers", _) => Role::Main,
        ("initContainers", "Always") => Role::Sidecar,
        ("initContainers", _) => Role::Init,
        _ => Role::Ephemeral,
    }
}

fn common(container: &Field<'_>, volumes: &HashSet<&str>, errors: &mut Errors) {
    checks::required_name(&container.get("name"), names::dns_label, errors);
    image(&container.get("image"), errors);
    let policy = container.get("imagePullPolicy");
    checks::one_of(&policy, &["Always", "IfNotPresent", "Never"], errors);
    let policy = container.get("terminationMessagePolicy");
    checks::one_of(&policy, &["File", "FallbackToLogsOnError"], errors);
    let policy = container.get("restartPolicy");
    checks::one_of_if_set(&policy, &["Always", "Never", "OnFailure"], errors);
    ports::validate(&container.get("ports"), errors);
    env::validate(container, errors);
    mounts::validate(container, volumes, errors);
    resources::validate(&container.get("resources"), errors);
    security::validate_container(&container.get("securityContext"), errors);
}

fn image(image: &Field<'_>, errors: &mut Errors) {
    checks::required(image, errors);
    if image.str().trim() != image.str() {
        errors.push(image.invalid("must not have leading or trailing whitespace"));
    }
}

/// The container that an ephemeral one looks into.
fn target(container: &Field<'_>, spec: &Field<'_>, errors: &mut Errors) {
    let target = container.get("targetContainerName");
    let lists = ["containers", "initContainers"].map(|list| spec.get(list));
    let mut names = lists
        .iter()
        .flat_map(Field::items)
        .map(|other| other.get("name"));
    if !target.is_empty() && !names.any(|name| name.value() == target.value()) {
        errors.push(target.not_found());
    }
}

fn forbid(container: &Field<'_>, (fields, words): Forbids, errors: &mut Errors) {
    for name in fields {
        let field = container.get(name);
        if !field.is_empty() {
            errors.push(field.forbidden(words));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::kinds::common::testing::create_errors;
    use crate::kinds::pod::Pod;

    fn errors(spec: Value) -> Vec<String> {
        create_errors(&Pod, &json!({"metadata": {"name": "a"}, "spec": spec}))
    }

    #[test]
    fn what_users_get_wrong() {
        for (spec, expected) in [
            (json!({}), vec!["spec.containers: Required value"]),
            (
                json!({"containers": [{}]}),
                vec![
                    "spec.containers[0].name: Required value",
                    "spec.containers[0].image: Required value",
                ],
            ),
            (
                json!({"containers": [{"name": "a", "image": "a "}, {"name": "a", "image": "b"}]}),
                vec![
                    "spec.containers[0].image: Invalid value: \"a \": must not have leading or trailing whitespace",
                    "spec.containers[1].name: Duplicate value: \"a\"",
                ],
            ),
            (
                json!({"containers": [{"name": "a", "image": "a", "imagePullPolicy": "Sometimes"}]}),
                vec![
                    "spec.containers[0].imagePullPolicy: Unsupported value: \"Sometimes\": \
                     supported values: \"Always\", \"IfNotPresent\", \"Never\"",
                ],
            ),
            (
                json!({
                    "containers": [{"name": "a", "image": "a"}],
                    "initContainers": [{"name": "a", "image": "a", "livenessProbe": {"exec": {"command": ["a"]}}}],
                }),
                vec![
                    "spec.initContainers[0].livenessProbe: Forbidden: \
                     may not be set for init containers without restartPolicy=Always",
                    "spec.initContainers[0].name: Duplicate value: \"a\"",
                ],
            ),
        ] {
            assert_eq!(errors(spec.clone()), expected, "{spec}");
        }
    }

    #[test]
    fn a_name_follows_the_rule() {
        let [error] = &errors(json!({"containers": [{"name": "A_b", "image": "a"}]}))[..] else {
            panic!("one error");
        };
        let start = "spec.containers[0].name: Invalid value: \"A_b\": a lowercase RFC 1123 label must consist of";
        assert!(error.starts_with(start), "{error}");
    }
}
