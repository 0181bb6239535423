//! Scaling on real use, and disruption within a budget: scenario B6.

use anyhow::{Context, Result, ensure};

use super::Host;
use crate::wait::eventually;

const WORKER: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: worker}
spec:
  selector: {matchLabels: {app: worker}}
  template:
    metadata: {labels: {app: worker}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - name: worker
        image: busybox:1.28
        command: [sh, -c, 'while true; do [ -e /idle ] && sleep 3600; :; done']
        resources: {requests: {cpu: 50m}, limits: {cpu: 150m}}
";

/// A HorizontalPodAutoscaler adds Pods while they are busy, says why, and takes them away again.
pub fn autoscale_on_real_use(host: &dyn Host) -> Result<()> {
    host.apply(WORKER)?;
    host.pods_ready("app=worker", 1)?;
    host.kubectl("autoscale deployment worker --cpu-percent=50 --min=1 --max=3")?;
    let shown = host.kubectl("get hpa worker --no-headers")?;
    ensure!(
        shown.contains("Deployment/worker") && shown.contains("/50%"),
        "{shown}"
    );
    // A new Pod's use counts once it is known for a while.
    host.field_becomes("deployment worker", ".spec.replicas", "3", 120)?;
    eventually("users are told", 30, || {
        let described = host.kubectl("describe hpa worker")?;
        for words in [
            "SuccessfulRescale",
            "New size: 3; reason: cpu resource utilization (percentage of request) above target",
            "ValidMetricFound",
        ] {
            ensure!(described.contains(words), "{words} in {described}");
        }
        Ok(())
    })?;
    eventually("the use is shown", 60, || {
        let shown = host.kubectl("get hpa worker --no-headers")?;
        let cells: Vec<&str> = shown.split_whitespace().collect();
        let percent = cells[3].trim_end_matches("%/50%").parse::<u32>();
        let percent = percent.with_context(|| shown.clone())?;
        ensure!(percent > 50 && cells[4..7] == ["1", "3", "3"], "{shown}");
        Ok(())
    })?;

    // With nothing to do it shrinks, as fast as it is let.
    let now = r#"{"spec":{"behavior":{"scaleDown":{"stabilizationWindowSeconds":0}}}}"#;
    host.kubectl(&format!("patch hpa worker --type=merge -p '{now}'"))?;
    for pod in host.pods_ready("app=worker", 3)? {
        host.kubectl(&format!("exec {pod} -- touch /idle"))?;
    }
    host.field_becomes("deployment worker", ".spec.replicas", "1", 120)?;
    let described = host.kubectl("describe hpa worker")?;
    ensure!(
        described.contains("New size: 1; reason: All metrics below target"),
        "{described}"
    );
    host.kubectl("delete hpa,deployment worker")?;
    Ok(())
}

/// A drain keeps to the PodDisruptionBudget, and empties the machine without it.
pub fn drain_within_the_budget(host: &dyn Host) -> Result<()> {
    host.kubectl("create deployment web --image=nginx:1.19 --replicas=2")?;
    let pods = host.pods_ready("app=web", 2)?;
    host.kubectl("create poddisruptionbudget web --selector=app=web --min-available=1")?;
    eventually("one Pod may be disturbed", 30, || {
        let shown = host.kubectl("get pdb web --no-headers")?;
        let cells: Vec<&str> = shown.split_whitespace().collect();
        ensure!(cells[..4] == ["web", "1", "N/A", "1"], "{shown}");
        Ok(())
    })?;

    let node = host.name();
    host.kubectl(&format!("cordon {node}"))?;
    let nodes = host.kubectl("get nodes")?;
    ensure!(nodes.contains("Ready,SchedulingDisabled"), "{nodes}");

    // One of the two goes; its successor finds no node, so the other must stay.
    let drain =
        format!("drain {node} --ignore-daemonsets --force --delete-emptydir-data --timeout=15s");
    let refused = host.refused(&format!("kubectl {drain}"))?;
    let words = "Cannot evict pod as it would violate the pod's disruption budget.";
    ensure!(refused.contains(words), "{refused}");
    let left = host.field(
        "pods -l app=web --field-selector status.phase=Running",
        ".items[*].metadata.name",
    )?;
    ensure!(
        pods.contains(&left),
        "one of {pods:?} is left, not {left:?}"
    );

    host.kubectl(&format!("uncordon {node}"))?;
    host.pods_ready("app=web", 2)?;
    host.kubectl("delete pdb web")?;
    host.kubectl(&drain.replace("15s", "90s"))?;
    let running = host.names("pods -l app=web --field-selector status.phase=Running")?;
    ensure!(running.is_empty(), "{running:?}");
    host.kubectl(&format!("uncordon {node}"))?;
    host.pods_ready("app=web", 2)?;
    Ok(())
}
