//! Pods that get other resources while they run: scenario A6.

use anyhow::{Result, ensure};
use skiff_e2e::{on_a_cluster, walkthroughs};

#[test]
fn a6_resize_in_place() -> Result<()> {
    on_a_cluster(|cluster| walkthroughs::resources_change_in_place(cluster.node()))
}

/// Pods that no node takes: what may be asked for is known before.
const PODS: &str = "
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  nodeSelector: {nobody: has}
  containers:
  - name: main
    image: nginx:1.19
    resources: {requests: {cpu: 100m, memory: 64Mi}, limits: {cpu: 500m, memory: 512Mi}}
---
apiVersion: v1
kind: LimitRange
metadata: {name: bounds}
spec:
  limits: [{type: Container, max: {memory: 1Gi}}]
---
apiVersion: v1
kind: ResourceQuota
metadata: {name: team}
spec: {hard: {requests.cpu: '1'}}
";

#[test]
fn a6_resize_is_admitted() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.apply(PODS)?;
        let refused = |resources: &str| {
            let patch = format!(
                r#"{{"spec":{{"containers":[{{"name":"main","resources":{resources}}}]}}}}"#
            );
            cluster.refused(&format!(
                "kubectl patch pod web --subresource resize --patch '{patch}'"
            ))
        };
        for (resources, words) in [
            (
                r#"{"requests":{"cpu":"500m","memory":"512Mi"}}"#,
                "spec: Invalid value: \"Burstable\": Pod QOS Class may not change as a result of resizing",
            ),
            (
                r#"{"limits":{"cpu":null}}"#,
                "spec.containers[0].resources.limits: Forbidden: resource limits cannot be removed",
            ),
            (
                r#"{"limits":{"ephemeral-storage":"1Gi"}}"#,
                "spec: Forbidden: only cpu and memory resources are mutable",
            ),
            (
                r#"{"requests":{"cpu":"600m"}}"#,
                "spec.containers[0].resources.requests: Invalid value: \"600m\": must be less than or equal to cpu limit of 500m",
            ),
            (
                r#"{"limits":{"memory":"2Gi"}}"#,
                "pods \"web\" is forbidden: maximum memory usage per Container is 1Gi, but limit is 2Gi",
            ),
            (
                r#"{"requests":{"cpu":"2"},"limits":{"cpu":"3"}}"#,
                "pods \"web\" is forbidden: exceeded quota: team, requested: requests.cpu=1900m, used: requests.cpu=100m, limited: requests.cpu=1",
            ),
        ] {
            let told = refused(resources)?;
            ensure!(told.contains(words), "{resources}: {told}");
        }
        let elsewhere = cluster.refused(
            r#"kubectl patch pod web --patch '{"spec":{"containers":[{"name":"main","resources":{"limits":{"cpu":"1"}}}]}}'"#,
        )?;
        ensure!(
            elsewhere.contains("pod updates may not change fields other than"),
            "{elsewhere}"
        );

        cluster
            .sh("KUBE_EDITOR='sed -i s/500m/700m/' kubectl edit pod web --subresource resize")?;
        let cpu = cluster.field("pod web", ".spec.containers[0].resources.limits.cpu")?;
        ensure!(cpu == "700m", "{cpu}");
        let generation = cluster.field("pod web", ".metadata.generation")?;
        ensure!(generation == "2", "{generation}");
        let served = cluster.kubectl("get --raw /api/v1")?;
        ensure!(served.contains(r#""name":"pods/resize""#), "{served}");
        Ok(())
    })
}

/// Two that have most of the node between them.
fn halves(cpu_millis: u32) -> String {
    let one = |name: &str, cpu: u32| {
        format!(
            "
apiVersion: v1
kind: Pod
metadata: {{name: {name}}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: main
    image: busybox:1.28
    command: [sleep, '600']
    resources: {{requests: {{cpu: {cpu}m}}}}
---"
        )
    };
    one("patient", 100) + &one("other", cpu_millis / 2)
}

const LATE: &str = "
apiVersion: v1
kind: Pod
metadata: {name: late}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: main
    image: busybox:1.28
    command: [sleep, '600']
";

#[test]
fn a6_a_resize_outlives_skiff() -> Result<()> {
    on_a_cluster(|cluster| {
        let cpu_millis = cluster.cpu_millis_of(cluster.name())?;
        cluster.apply(&halves(cpu_millis))?;
        cluster.kubectl("wait --for=condition=Ready pod/patient pod/other --timeout=120s")?;
        let wanted = format!("{}m", cpu_millis - 100);
        let requests = format!(r#"{{"requests": {{"cpu": "{wanted}"}}}}"#);
        cluster.resize("patient", &requests)?;
        let status = ".status.containerStatuses[0]";
        let seen = [
            format!("{status}.restartCount"),
            format!("{status}.resources.requests.cpu"),
            r#".status.conditions[?(@.type=="PodResizePending")].reason"#.to_owned(),
        ]
        .join("},{");
        cluster.field_becomes("pod patient", &seen, "0,100m,Deferred", 60)?;

        cluster.kill9()?;
        cluster.up()?;
        // The new kubelet takes in all Pods that were there before it starts another.
        cluster.apply(LATE)?;
        cluster.kubectl("wait --for=condition=Ready pod/late --timeout=120s")?;
        cluster.kubectl("wait --for=condition=Ready pod/patient pod/other --timeout=120s")?;
        let after = cluster.field("pod patient", &seen)?;
        ensure!(after == "0,100m,Deferred", "{after}");
        cluster.kubectl("delete pod other --grace-period=1")?;
        cluster.field_becomes("pod patient", &seen, &format!("0,{wanted},"), 60)
    })
}
