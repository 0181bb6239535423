//! What several tests let a cluster run.

/// The command of a container that does nothing and ends at once when it is told: process 1 ignores SIGTERM unless it
/// asks for it.
pub const SLEEP: &str = "[sh, -c, \"trap 'exit 0' TERM; sleep 3600 & wait\"]";

/// A Deployment of three web servers that leave a lost machine after a second.
pub const WEB_THAT_MOVES: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      tolerations:
      - {key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute, tolerationSeconds: 1}
      - {key: node.kubernetes.io/not-ready, operator: Exists, effect: NoExecute, tolerationSeconds: 1}
      containers:
      - {name: nginx, image: "nginx:1.19"}
"#;
