//! What a person would ask for when a test failed.

use crate::node::Node;

/// Bounds the last words of skiff in a failure's report.
const LOG_LINES: usize = 150;

const QUESTIONS: &[&str] = &[
    "kubectl get nodes -o wide",
    "kubectl get all,endpoints,endpointslices,pvc -A -o wide",
    "kubectl get events -A --sort-by=.metadata.creationTimestamp | tail -60",
    "kubectl describe pods -A | tail -200",
];

/// Prints the state of `node` and its cluster to standard error.
pub(crate) fn dump(node: &Node) {
    for question in QUESTIONS {
        eprintln!("--- {}: {question}", node.name());
        match node.output(&format!("timeout 20 sh -c '{question}'"), "") {
            Ok(output) => eprint!("{}{}", output.stdout, output.stderr),
            Err(error) => eprintln!("{error:#}"),
        }
    }
    let log = node.log().unwrap_or_default();
    let lines: Vec<&str> = log.lines().collect();
    let last = &lines[lines.len().saturating_sub(LOG_LINES)..];
    eprintln!(
        "--- {}: the last lines of skiff\n{}",
        node.name(),
        last.join("\n")
    );
}
