//! Requests and limits in the kernel: scenario A6.

use anyhow::{Result, ensure};

use super::Host;

const PODS: &str = "
apiVersion: v1
kind: Pod
metadata: {name: hungry}
spec:
  restartPolicy: Never
  containers:
  - name: main
    image: busybox:1.28
    command: [sh, -c, 'tail /dev/zero']
    resources: {limits: {memory: 16Mi}}
---
apiVersion: v1
kind: Pod
metadata: {name: guaranteed}
spec:
  containers:
  - name: main
    image: busybox:1.28
    command: [sleep, '600']
    resources: {limits: {cpu: 500m, memory: 64Mi}}
---
apiVersion: v1
kind: Pod
metadata: {name: burstable}
spec:
  containers:
  - name: main
    image: busybox:1.28
    command: [sleep, '600']
    resources: {requests: {cpu: 250m}}
---
apiVersion: v1
kind: Pod
metadata: {name: best-effort}
spec:
  containers:
  - {name: main, image: 'busybox:1.28', command: [sleep, '600']}
";

/// The files of a container's own cgroup, in a version of the kernel's interface.
struct Files {
    limits: &'static str,
    /// What they say of 64 MiB and half a core.
    guaranteed: &'static str,
    weight: &'static str,
    /// What it says of 500m, 250m and nothing.
    weights: [&'static str; 3],
}

const VERSION_1: Files = Files {
    limits: "/sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/cpu/cpu.cfs_quota_us",
    guaranteed: "67108864\n50000\n",
    weight: "/sys/fs/cgroup/cpu/cpu.shares",
    weights: ["512", "256", "2"],
};

const VERSION_2: Files = Files {
    limits: "/sys/fs/cgroup/memory.max /sys/fs/cgroup/cpu.max",
    guaranteed: "67108864\n50000 100000\n",
    weight: "/sys/fs/cgroup/cpu.weight",
    weights: ["20", "10", "1"],
};

/// A Pod over its memory is killed and says so; limits and classes are settings of cgroups, of the version that the
/// machine has.
pub fn limits_are_cgroup_settings(host: &dyn Host) -> Result<()> {
    host.apply(PODS)?;
    host.field_becomes("pod hungry", ".status.phase", "Failed", 120)?;
    let terminated = ".status.containerStatuses[0].state.terminated";
    let reason = host.field("pod hungry", &format!("{terminated}.reason"))?;
    ensure!(reason == "OOMKilled", "{reason}");
    let code = host.field("pod hungry", &format!("{terminated}.exitCode"))?;
    ensure!(code == "137", "{code}");
    let row = host.kubectl("get pod hungry --no-headers")?;
    ensure!(row.contains("OOMKilled"), "{row}");

    let pods = "pod/guaranteed pod/burstable pod/best-effort";
    host.kubectl(&format!("wait --for=condition=Ready {pods} --timeout=120s"))?;
    let files = match host.inside("test -e /sys/fs/cgroup/cgroup.controllers") {
        Ok(_) => VERSION_2,
        Err(_) => VERSION_1,
    };
    let classes = [
        ("guaranteed", "Guaranteed", ""),
        ("burstable", "Burstable", "/burstable"),
        ("best-effort", "BestEffort", "/besteffort"),
    ];
    for ((pod, class, level), weight) in classes.into_iter().zip(files.weights) {
        let found = host.field(&format!("pod {pod}"), ".status.qosClass")?;
        ensure!(found == class, "{pod} is {found}");
        let uid = host.field(&format!("pod {pod}"), ".metadata.uid")?;
        // Version 2 hides the place from the container itself.
        let of_all = "cat /proc/[0-9]*/cgroup 2> /dev/null";
        let cgroups = host.inside(&format!("{of_all} | grep pod{uid}/"))?;
        let place = format!("{level}/pod{uid}/");
        ensure!(
            cgroups.contains(&place),
            "{pod}: {place} is not in\n{cgroups}"
        );
        let cpu = host.kubectl(&format!("exec {pod} -- cat {}", files.weight))?;
        ensure!(cpu.trim() == weight, "{pod}: {cpu}");
    }
    let limits = host.kubectl(&format!("exec guaranteed -- cat {}", files.limits))?;
    ensure!(limits == files.guaranteed, "{limits:?}");
    host.kubectl("delete pod guaranteed burstable best-effort --grace-period=1")?;
    Ok(())
}
