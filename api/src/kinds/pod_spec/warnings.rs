//! What is allowed in a PodSpec and probably not meant (k8s.io/kubernetes/pkg/api/pod/warnings.go).

use std::collections::HashSet;

use crate::kinds::common::Field;

/// Labels of nodes that have newer names.
const OLD_NODE_LABELS: &[(&str, &str)] = &[
    ("beta.kubernetes.io/arch", "kubernetes.io/arch"),
    ("beta.kubernetes.io/os", "kubernetes.io/os"),
    (
        "failure-domain.beta.kubernetes.io/region",
        "topology.kubernetes.io/region",
    ),
    (
        "failure-domain.beta.kubernetes.io/zone",
        "topology.kubernetes.io/zone",
    ),
];

/// Warnings about a PodSpec.
pub(crate) fn warnings(spec: &Field<'_>) -> Vec<String> {
    let mut warnings = Vec::new();
    let selector = spec.get("nodeSelector");
    for (old, new) in OLD_NODE_LABELS {
        let label = selector.key(old);
        if label.is_set() {
            warnings.push(format!(
                "{}: deprecated since v1.14; use {new:?} instead",
                label.path()
            ));
        }
    }
    for container in spec.get("containers").items() {
        let mut names = HashSet::new();
        for variable in container.get("env").items() {
            let name = variable.get("name").str();
            if !names.insert(name) {
                let path = variable.path();
                warnings.push(format!(
                    "{path}: hides previous definition of {name:?}, which may be unexpected"
                ));
            }
        }
    }
    let grace = spec.get("terminationGracePeriodSeconds");
    if grace.int().is_some_and(|seconds| seconds < 0) {
        warnings.push(format!(
            "{}: must be >= 0; negative values are invalid and will be treated as 1",
            grace.path()
        ));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_variable_that_stands_twice_and_an_old_label() {
        let spec = json!({
            "nodeSelector": {"beta.kubernetes.io/os": "linux"},
            "containers": [{"env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]}],
        });
        let expected = [
            "spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use \"kubernetes.io/os\" instead",
            "spec.containers[0].env[1]: hides previous definition of \"A\", which may be unexpected",
        ];
        assert_eq!(
            warnings(&Field::at(crate::field::Path::root("spec"), &spec)),
            expected
        );
    }
}
