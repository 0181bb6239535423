//! How a StatefulSet is told to change: scenario B3, its strategies and policies.

use anyhow::{Result, ensure};
use skiff_e2e::{Cluster, eventually, on_a_cluster};

/// A StatefulSet `web` with these lines in its spec.
fn web(spec: &str) -> String {
    format!(
        "
apiVersion: apps/v1
kind: StatefulSet
metadata: {{name: web}}
spec:
  serviceName: web
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{{name: nginx, image: \"nginx:1.19\"}}]
{spec}
"
    )
}

/// Waits until the Pods have these images, in their order.
fn images_become(cluster: &Cluster, images: &[&str]) -> Result<()> {
    let field = ".items[*].spec.containers[0].image";
    cluster.field_becomes("pods -l app=web", field, &images.join(" "), 90)
}

#[test]
fn b3_partition_keeps_the_lower_ordinals() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.apply(&web(
            "  replicas: 3\n  updateStrategy: {rollingUpdate: {partition: 2}}",
        ))?;
        cluster.pods_ready("app=web", 3)?;
        cluster.kubectl("set image statefulset/web nginx=nginx:1.20")?;
        images_become(cluster, &["nginx:1.19", "nginx:1.19", "nginx:1.20"])?;
        cluster.pods_ready("app=web", 3)?;
        let told = cluster.kubectl("rollout status statefulset/web --timeout=60s")?;
        ensure!(told.contains("partitioned roll out complete"), "{told}");

        // One below the partition comes back as it was.
        cluster.kubectl("delete pod web-0")?;
        cluster.pods_ready("app=web", 3)?;
        images_become(cluster, &["nginx:1.19", "nginx:1.19", "nginx:1.20"])?;
        let revisions = "{.status.currentReplicas} {.status.updatedReplicas}";
        let counts = || cluster.kubectl(&format!("get sts web -o 'jsonpath={revisions}'"));
        eventually("the counts of revisions", 30, || {
            let seen = counts()?;
            ensure!(seen == "2 1", "{seen}");
            Ok(())
        })?;

        let patch = r#"{"spec": {"updateStrategy": {"rollingUpdate": {"partition": 0}}}}"#;
        cluster.kubectl(&format!("patch sts web -p '{patch}'"))?;
        images_become(cluster, &["nginx:1.20"; 3])?;
        cluster.kubectl("rollout status statefulset/web --timeout=60s")?;
        Ok(())
    })
}

#[test]
fn b3_on_delete_waits_for_its_user() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.apply(&web("  replicas: 2\n  updateStrategy: {type: OnDelete}"))?;
        cluster.pods_ready("app=web", 2)?;
        cluster.kubectl("set image statefulset/web nginx=nginx:1.20")?;
        cluster.field_becomes("sts web", ".status.observedGeneration", "2", 30)?;
        images_become(cluster, &["nginx:1.19"; 2])?;
        cluster.kubectl("delete pod web-0")?;
        images_become(cluster, &["nginx:1.20", "nginx:1.19"])?;
        cluster.pods_ready("app=web", 2)?;
        Ok(())
    })
}

#[test]
fn b3_parallel_waits_for_nobody() -> Result<()> {
    on_a_cluster(|cluster| {
        // No Pod is ever ready.
        let spec = web("  replicas: 3\n  podManagementPolicy: Parallel");
        let unready = "image: \"nginx:1.19\", readinessProbe: {exec: {command: [\"false\"]}}";
        cluster.apply(&spec.replace("image: \"nginx:1.19\"", unready))?;
        let three = || {
            let running = cluster.names("pods -l app=web --field-selector status.phase=Running")?;
            ensure!(running == ["web-0", "web-1", "web-2"], "{running:?}");
            Ok(())
        };
        eventually("three Pods that run", 90, three)?;
        cluster.kubectl("scale sts web --replicas=1")?;
        eventually("two Pods to go", 60, || {
            let pods = cluster.names("pods -l app=web")?;
            ensure!(pods == ["web-0"], "{pods:?}");
            Ok(())
        })
    })
}

#[test]
fn b3_max_unavailable_and_min_ready_seconds() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.apply(&web("  replicas: 3\n  podManagementPolicy: Parallel\n  \
             updateStrategy: {rollingUpdate: {maxUnavailable: 2}}"))?;
        cluster.pods_ready("app=web", 3)?;
        // What is new cannot start: two Pods are given up for it, and no more.
        cluster.kubectl("set image statefulset/web nginx=nginx:none")?;
        images_become(cluster, &["nginx:1.19", "nginx:none", "nginx:none"])?;
        cluster.field_becomes("sts web", ".status.availableReplicas", "1", 60)?;
        images_become(cluster, &["nginx:1.19", "nginx:none", "nginx:none"])?;

        cluster.kubectl("delete sts web")?;
        cluster.apply(&web("  replicas: 2\n  minReadySeconds: 4"))?;
        cluster.pods_ready("app=web", 2)?;
        let times = r#"{.metadata.creationTimestamp} {.status.conditions[?(@.type=="Ready")].lastTransitionTime}"#;
        let seconds_between = "read a b; echo $(($(date -d $b +%s) - $(date -d $a +%s)))";
        let ready_and_next = cluster.sh(&format!(
            "( kubectl get pod web-0 -o 'jsonpath={times}' | cut -d' ' -f2; \
               kubectl get pod web-1 -o 'jsonpath={{.metadata.creationTimestamp}}' ) | xargs echo | ( {seconds_between} )"
        ))?;
        let waited: i64 = ready_and_next.trim().parse()?;
        ensure!(waited >= 3, "web-1 came {waited} s after web-0 was ready");
        cluster.field_becomes("sts web", ".status.availableReplicas", "2", 30)
    })
}

#[test]
fn b3_claims_go_when_the_policy_says_so() -> Result<()> {
    on_a_cluster(|cluster| {
        let claims = "  volumeClaimTemplates:
  - metadata: {name: data}
    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}";
        let policy =
            "  persistentVolumeClaimRetentionPolicy: {whenScaled: Delete, whenDeleted: Retain}";
        let mounted = web(&format!("  replicas: 2\n{policy}\n{claims}")).replace(
            "image: \"nginx:1.19\"",
            "image: \"nginx:1.19\", volumeMounts: [{name: data, mountPath: /data}]",
        );
        let claims_become = |expected: &[&str]| {
            eventually(&format!("the claims {expected:?}"), 60, || {
                let claims = cluster.names("pvc")?;
                ensure!(claims == expected, "{claims:?}");
                Ok(())
            })
        };
        cluster.apply(&mounted)?;
        cluster.pods_ready("app=web", 2)?;
        claims_become(&["data-web-0", "data-web-1"])?;
        cluster.kubectl("scale sts web --replicas=1")?;
        claims_become(&["data-web-0"])?;

        cluster.kubectl("delete sts web")?;
        cluster.kubectl("wait --for=delete pod/web-0 --timeout=60s")?;
        claims_become(&["data-web-0"])?;

        cluster.apply(&mounted.replace("whenDeleted: Retain", "whenDeleted: Delete"))?;
        cluster.pods_ready("app=web", 2)?;
        cluster.kubectl("delete sts web")?;
        claims_become(&[])
    })
}
