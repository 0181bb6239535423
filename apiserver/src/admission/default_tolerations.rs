//! A Pod stays five minutes on a node that stops answering.

use serde_json::{Value, json};

use super::push;

const TAINTS: [&str; 2] = [
    "node.kubernetes.io/not-ready",
    "node.kubernetes.io/unreachable",
];

pub(super) fn admit(pod: &mut Value) {
    let tolerations = &mut pod["spec"]["tolerations"];
    for taint in TAINTS {
        let mut present = tolerations.as_array().into_iter().flatten();
        if present.any(|toleration| tolerates(toleration, taint)) {
            continue;
        }
        let added = json!({
            "key": taint,
            "operator": "Exists",
            "effect": "NoExecute",
            "tolerationSeconds": 300,
        });
        push(tolerations, added);
    }
}

fn tolerates(toleration: &Value, taint: &str) -> bool {
    let text = |field: &str| toleration[field].as_str().unwrap_or_default();
    matches!(text("effect"), "" | "NoExecute") && (text("key") == taint || text("key").is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_missing_is_added() {
        let all = json!([{"operator": "Exists"}]);
        let one = json!([{"key": TAINTS[0], "operator": "Exists", "effect": "NoExecute"}]);
        for (tolerations, expected) in [(Value::Null, 2), (all, 1), (one, 2)] {
            let mut pod = json!({"spec": {"tolerations": tolerations}});
            admit(&mut pod);
            let count = pod["spec"]["tolerations"].as_array().unwrap().len();
            assert_eq!(count, expected, "{pod}");
        }
    }
}
