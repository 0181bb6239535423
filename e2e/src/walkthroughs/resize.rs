//! Pods that get other resources while they run: scenario A6.

use anyhow::{Result, ensure};

use super::Host;
use crate::wait::eventually;

/// One that stays as it is, one that is restarted for other memory, and one whose containers share what it has.
const PODS: &str = "
apiVersion: v1
kind: Pod
metadata: {name: calm}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: main
    image: busybox:1.28
    command: [sleep, '600']
    resources: {limits: {cpu: 500m, memory: 64Mi}}
    volumeMounts: [{name: cache, mountPath: /cache}]
  volumes: [{name: cache, emptyDir: {medium: Memory}}]
---
apiVersion: v1
kind: Pod
metadata: {name: restless}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: main
    image: busybox:1.28
    command: [sleep, '600']
    resources: {limits: {cpu: 200m, memory: 64Mi}}
    resizePolicy:
    - {resourceName: cpu, restartPolicy: NotRequired}
    - {resourceName: memory, restartPolicy: RestartContainer}
---
apiVersion: v1
kind: Pod
metadata: {name: pool}
spec:
  terminationGracePeriodSeconds: 0
  resources: {requests: {cpu: 400m, memory: 64Mi}, limits: {cpu: 400m, memory: 64Mi}}
  containers:
  - {name: main, image: 'busybox:1.28', command: [sleep, '600']}
  - {name: beside, image: 'busybox:1.28', command: [sleep, '600'], resources: {limits: {cpu: 100m, memory: 32Mi}}}
";

const STATUS: &str = ".status.containerStatuses[0]";

/// CPU time in 100 ms and memory of a cgroup, in the words of both versions of the kernel's interface.
struct Settings {
    quota_us: u32,
    memory_mib: u32,
}

impl Settings {
    fn new(quota_us: u32, memory_mib: u32) -> Self {
        Self {
            quota_us,
            memory_mib,
        }
    }

    /// Whether a container, and the cgroup of its Pod, have these.
    fn hold(&self, host: &dyn Host, pod: &str) -> Result<()> {
        let is_unified = host.inside("test -e /sys/fs/cgroup/cgroup.controllers");
        let bytes = u64::from(self.memory_mib) << 20;
        let quota = self.quota_us;
        let (memory, cpu, expected) = match is_unified {
            Ok(_) => (
                "memory.max",
                "cpu.max",
                format!("{bytes}\n{quota} 100000\n"),
            ),
            Err(_) => (
                "memory/memory.limit_in_bytes",
                "cpu/cpu.cfs_quota_us",
                format!("{bytes}\n{quota}\n"),
            ),
        };
        let root = "/sys/fs/cgroup";
        let inside = host.kubectl(&format!(
            "exec {pod} -c main -- cat {root}/{memory} {root}/{cpu}"
        ))?;
        ensure!(inside == expected, "{pod} has {inside:?}");
        let uid = host.field(&format!("pod {pod}"), ".metadata.uid")?;
        let of_pod = [memory, cpu].map(|file| {
            let (controller, file) = file.rsplit_once('/').unwrap_or((".", file));
            format!("{root}/{controller}/*/pod{uid}/{file}")
        });
        let around = host.inside(&format!("cat {}", of_pod.join(" ")))?;
        ensure!(around == expected, "around {pod} is {around:?}");
        Ok(())
    }
}

/// Asks for other limits, which are the requests as well.
fn resize(host: &dyn Host, pod: &str, cpu: &str, memory: &str) -> Result<()> {
    let amounts = format!(r#"{{"cpu": "{cpu}", "memory": "{memory}"}}"#);
    let resources = format!(r#"{{"requests": {amounts}, "limits": {amounts}}}"#);
    host.resize(pod, &resources)
}

/// Waits until the container has these limits, and nothing is left to be done.
fn becomes(host: &dyn Host, pod: &str, cpu: &str, memory: &str) -> Result<()> {
    let paths = [
        format!("{STATUS}.resources.limits.cpu"),
        format!("{STATUS}.resources.limits.memory"),
        format!("{STATUS}.allocatedResources.cpu"),
        of_condition("PodResizePending", "status"),
        of_condition("PodResizeInProgress", "status"),
    ];
    let expected = format!("{cpu},{memory},{cpu},,");
    host.field_becomes(&format!("pod {pod}"), &paths.join("},{"), &expected, 60)
}

fn of_condition(name: &str, field: &str) -> String {
    format!(r#".status.conditions[?(@.type=="{name}")].{field}"#)
}

/// Containers get more and less without a restart, or with one if they say so; what cannot be says why.
pub fn resources_change_in_place(host: &dyn Host) -> Result<()> {
    host.apply(PODS)?;
    host.kubectl("wait --for=condition=Ready pod/calm pod/restless pod/pool --timeout=120s")?;
    let id = format!("{STATUS}.containerID");
    let calm = host.field("pod calm", &id)?;
    Settings::new(50_000, 64).hold(host, "calm")?;
    for (cpu, memory, settings) in [
        ("700m", "128Mi", Settings::new(70_000, 128)),
        ("300m", "96Mi", Settings::new(30_000, 96)),
    ] {
        resize(host, "calm", cpu, memory)?;
        becomes(host, "calm", cpu, memory)?;
        settings.hold(host, "calm")?;
    }
    host.tells("Pod/calm", &["ResizeStarted", "ResizeCompleted"])?;
    all_containers_together(host)?;
    less_than_is_in_use(host)?;
    more_than_there_is(host)?;
    with_a_restart(host)?;
    when_others_have_left(host)?;
    ensure!(host.field("pod calm", &id)? == calm, "calm was restarted");
    let restarts = host.field("pod calm", &format!("{STATUS}.restartCount"))?;
    ensure!(restarts == "0", "{restarts} restarts of calm");
    host.kubectl("delete pod calm --grace-period=1")?;
    Ok(())
}

/// What a Pod has by itself (KEP-5419) is what a container without a limit may use.
fn all_containers_together(host: &dyn Host) -> Result<()> {
    Settings::new(40_000, 64).hold(host, "pool")?;
    let amounts = r#"{"cpu": "600m", "memory": "96Mi"}"#;
    let patch =
        format!(r#"{{"spec": {{"resources": {{"requests": {amounts}, "limits": {amounts}}}}}}}"#);
    host.kubectl(&format!(
        "patch pod pool --subresource resize --patch '{patch}'"
    ))?;
    let paths = [
        ".status.resources.limits.memory".to_owned(),
        ".status.allocatedResources.cpu".to_owned(),
        of_condition("PodResizeInProgress", "status"),
        r#".status.containerStatuses[?(@.name=="beside")].resources.limits.cpu"#.to_owned(),
        ".status.containerStatuses[*].restartCount".to_owned(),
    ];
    host.field_becomes("pod pool", &paths.join("},{"), "96Mi,600m,,100m,0 0", 60)?;
    Settings::new(60_000, 96).hold(host, "pool")?;
    host.kubectl("delete pod pool --grace-period=1")?;
    Ok(())
}

/// A limit below what a container holds would kill it: it stays, and the Pod says so.
fn less_than_is_in_use(host: &dyn Host) -> Result<()> {
    host.kubectl("exec calm -- dd if=/dev/zero of=/cache/file bs=1M count=48")?;
    resize(host, "calm", "300m", "32Mi")?;
    let reason = of_condition("PodResizeInProgress", "reason");
    host.field_becomes("pod calm", &reason, "Error", 60)?;
    let told = host.field("pod calm", &of_condition("PodResizeInProgress", "message"))?;
    let words = [
        "cannot decrease memory limits: [attempting to set pod memory limit (33554432) below current usage (",
        "attempting to set container \"main\" memory limit (33554432) below current usage (",
    ];
    ensure!(words.iter().all(|words| told.contains(words)), "{told}");
    host.tells("Pod/calm", &["ResizeError"])?;
    Settings::new(30_000, 96).hold(host, "calm")?;
    resize(host, "calm", "300m", "128Mi")?;
    becomes(host, "calm", "300m", "128Mi")
}

fn more_than_there_is(host: &dyn Host) -> Result<()> {
    resize(host, "calm", "1000", "128Mi")?;
    let reason = of_condition("PodResizePending", "reason");
    host.field_becomes("pod calm", &reason, "Infeasible", 60)?;
    let told = host.field("pod calm", &of_condition("PodResizePending", "message"))?;
    let expected = format!(
        "Node didn't have enough capacity: cpu, requested: 1000000, capacity: {}",
        host.cpu_millis_of(host.name())?
    );
    ensure!(told == expected, "{told}");
    host.tells("Pod/calm", &["ResizeInfeasible"])?;
    let wanted = host.field("pod calm", ".spec.containers[0].resources.limits.cpu")?;
    let has = host.field("pod calm", &format!("{STATUS}.resources.limits.cpu"))?;
    ensure!(wanted == "1k" || wanted == "1000", "it wants {wanted}");
    ensure!(has == "300m", "it has {has}");
    resize(host, "calm", "300m", "128Mi")?;
    becomes(host, "calm", "300m", "128Mi")
}

fn with_a_restart(host: &dyn Host) -> Result<()> {
    resize(host, "restless", "100m", "64Mi")?;
    becomes(host, "restless", "100m", "64Mi")?;
    let restarts = format!("{STATUS}.restartCount");
    let before = host.field("pod restless", &restarts)?;
    ensure!(before == "0", "restarted {before} times for CPU");
    // A restart for memory is no crash: the second one is not put off.
    for (count, memory_mib) in [(1, 128), (2, 256)] {
        let memory = format!("{memory_mib}Mi");
        resize(host, "restless", "100m", &memory)?;
        host.field_becomes("pod restless", &restarts, &count.to_string(), 60)?;
        becomes(host, "restless", "100m", &memory)?;
        host.kubectl("wait --for=condition=Ready pod/restless --timeout=60s")?;
        Settings::new(10_000, memory_mib).hold(host, "restless")?;
    }
    // One for CPU, two for memory.
    eventually("three resizes to be completed", 60, || {
        let told = host.event_reasons("Pod/restless")?;
        let completed = told.iter().filter(|one| *one == "ResizeCompleted");
        ensure!(completed.count() == 3, "it tells {told:?}");
        let is_put_off = told.iter().any(|one| one == "BackOff");
        ensure!(!is_put_off, "it tells {told:?}");
        Ok(())
    })?;
    let again = host.field("pod restless", &restarts)?;
    ensure!(again == "2", "restarted {again} times");
    Ok(())
}

fn when_others_have_left(host: &dyn Host) -> Result<()> {
    let nearly_all = format!("{}m", host.cpu_millis_of(host.name())? - 50);
    resize(host, "calm", &nearly_all, "128Mi")?;
    let reason = of_condition("PodResizePending", "reason");
    host.field_becomes("pod calm", &reason, "Deferred", 60)?;
    let told = host.field("pod calm", &of_condition("PodResizePending", "message"))?;
    let words = "Node didn't have enough resource: cpu, requested: ";
    ensure!(told.starts_with(words), "{told}");
    host.tells("Pod/calm", &["ResizeDeferred"])?;
    host.kubectl("delete pod restless --grace-period=1")?;
    becomes(host, "calm", &nearly_all, "128Mi")
}
