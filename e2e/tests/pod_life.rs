//! What befalls Pods: images that do not come, rules for restarts, hooks, a sandbox that is lost: scenario A4.

use std::time::Instant;

use anyhow::{Result, ensure};
use skiff_e2e::{Cluster, eventually, on_a_cluster};

fn waits(cluster: &Cluster, pod: &str, reason: &str) -> Result<String> {
    let waiting = ".status.containerStatuses[0].state.waiting";
    cluster.field_becomes(
        &format!("pod {pod}"),
        &format!("{waiting}.reason"),
        reason,
        90,
    )?;
    cluster.field(&format!("pod {pod}"), &format!("{waiting}.message"))
}

#[test]
fn a4_images_that_do_not_come() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.kubectl("run typo --image=busybox:no-such-tag")?;
        cluster.kubectl("run absent --image=busybox:no-such-tag --image-pull-policy=Never")?;
        // kubectl run would not send this.
        cluster.apply(
            "
apiVersion: v1
kind: Pod
metadata: {name: shouting}
spec:
  containers: [{name: main, image: BUSYBOX}]
",
        )?;
        cluster.kubectl(
            "run fine --image=busybox:1.28 --image-pull-policy=IfNotPresent -- sleep 600",
        )?;

        let message = waits(cluster, "absent", "ErrImageNeverPull")?;
        let words =
            "Container image \"busybox:no-such-tag\" is not present with pull policy of Never";
        ensure!(message == words, "{message}");
        let message = waits(cluster, "shouting", "InvalidImageName")?;
        ensure!(message.contains("must be lowercase"), "{message}");
        let message = waits(cluster, "typo", "ImagePullBackOff")?;
        let words = "Back-off pulling image \"busybox:no-such-tag\": ErrImagePull: ";
        ensure!(message.starts_with(words), "{message}");
        let described = cluster.kubectl("describe pod typo")?;
        for words in [
            "Failed to pull image \"busybox:no-such-tag\": ",
            "Error: ErrImagePull",
            "Back-off pulling image \"busybox:no-such-tag\"",
            "Error: ImagePullBackOff",
        ] {
            ensure!(described.contains(words), "no {words:?} in\n{described}");
        }
        cluster.kubectl("wait --for=condition=Ready pod/fine --timeout=60s")?;
        let refused = cluster.refused("kubectl logs typo")?;
        let words = "container \"typo\" in pod \"typo\" is waiting to start: trying and failing to pull image";
        ensure!(refused.contains(words), "{refused}");
        let refused = cluster.refused("kubectl exec typo -- true")?;
        let words = "unable to upgrade connection: container not found (\"typo\")";
        ensure!(refused.contains(words), "{refused}");

        // The name is put right, and the Pod runs.
        cluster.kubectl("set image pod/typo typo=nginx:1.19")?;
        cluster.kubectl("wait --for=condition=Ready pod/typo --timeout=90s")?;
        cluster.kubectl("delete pod typo absent shouting fine --grace-period=1")?;
        Ok(())
    })
}

#[test]
fn a4_hooks_of_every_kind_and_restart_rules() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.apply(
            "
apiVersion: v1
kind: Pod
metadata: {name: hooked}
spec:
  containers:
  - name: nginx
    image: nginx:1.19
    ports: [{name: web, containerPort: 80}]
    lifecycle:
      postStart: {exec: {command: [sh, -c, 'until wget -qO- localhost >/dev/null; do sleep 0.1; done']}}
      preStop: {sleep: {seconds: 2}}
  - name: asks
    image: busybox:1.28
    command: [sh, -c, 'trap exit TERM; while true; do sleep 0.1; done']
    lifecycle:
      preStop: {httpGet: {port: 80, path: /goodbye}}
---
apiVersion: v1
kind: Pod
metadata: {name: unhooked}
spec:
  restartPolicy: Never
  containers:
  - name: main
    image: busybox:1.28
    command: [sleep, '600']
    lifecycle: {postStart: {exec: {command: ['false']}}}
  terminationGracePeriodSeconds: 1
---
apiVersion: v1
kind: Pod
metadata: {name: ruled}
spec:
  restartPolicy: Never
  volumes: [{name: count, emptyDir: {}}]
  containers:
  - name: main
    image: busybox:1.28
    command: [sh, -c, 'echo x >> /count/n; [ $(wc -l < /count/n) -lt 2 ] && exit 42; exit 7']
    volumeMounts: [{name: count, mountPath: /count}]
    restartPolicy: Never
    restartPolicyRules:
    - {action: Restart, exitCodes: {operator: In, values: [42]}}
",
        )?;
        cluster.kubectl("wait --for=condition=Ready pod/hooked --timeout=120s")?;
        let reasons = "FailedPostStartHook";
        eventually("the failed hook to be told", 60, || {
            let told = cluster.event_reasons("Pod/unhooked")?;
            ensure!(told.contains(&reasons.to_owned()), "{told:?}");
            Ok(())
        })?;
        cluster.field_becomes("pod unhooked", ".status.phase", "Failed", 60)?;

        cluster.field_becomes("pod ruled", ".status.phase", "Failed", 60)?;
        let status = ".status.containerStatuses[0]";
        let restarts = cluster.field("pod ruled", &format!("{status}.restartCount"))?;
        let code = cluster.field("pod ruled", &format!("{status}.state.terminated.exitCode"))?;
        ensure!(
            (restarts.as_str(), code.as_str()) == ("1", "7"),
            "{restarts} {code}"
        );

        let log = cluster.home().join("nginx.log");
        let mut following = cluster.start("kubectl logs -f hooked -c nginx", &log)?;
        let started = Instant::now();
        cluster.kubectl("delete pod hooked --timeout=60s")?;
        let took = started.elapsed().as_secs_f64();
        ensure!(
            (2.0..25.0).contains(&took),
            "it took {took} s with a sleep of 2 s"
        );
        following.wait()?;
        let said = std::fs::read_to_string(&log)?;
        ensure!(said.contains("GET /goodbye"), "{said}");
        Ok(())
    })
}

#[test]
fn a4_a_deadline_ends_the_pod() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.apply(
            "
apiVersion: v1
kind: Pod
metadata: {name: late}
spec:
  activeDeadlineSeconds: 2
  terminationGracePeriodSeconds: 0
  containers: [{name: main, image: 'busybox:1.28', command: [sleep, '3600']}]
",
        )?;
        cluster.field_becomes("pod late", ".status.phase", "Failed", 60)?;
        let reason = cluster.field("pod late", ".status.reason")?;
        ensure!(reason == "DeadlineExceeded", "{reason}");
        let words = "Pod was active on the node longer than the specified deadline";
        cluster.described("pod late", &["Message:          Pod was active", words])?;
        eventually("users are told", 30, || {
            let told = cluster.kubectl("get events --field-selector reason=DeadlineExceeded")?;
            ensure!(told.contains("Normal") && told.contains(words), "{told}");
            Ok(())
        })?;

        // One that never came to run has failed as well.
        cluster.apply(
            "
apiVersion: v1
kind: Pod
metadata: {name: never}
spec:
  activeDeadlineSeconds: 1
  containers: [{name: main, image: 'nobody/has:this'}]
",
        )?;
        cluster.field_becomes("pod never", ".status.phase", "Failed", 60)?;
        let ended = ".status.containerStatuses[0].state.terminated";
        let how = cluster.field("pod never", &format!("{ended}.reason"))?;
        ensure!(how == "ContainerStatusUnknown", "{how}");
        let code = cluster.field("pod never", &format!("{ended}.exitCode"))?;
        ensure!(code == "137", "{code}");
        Ok(())
    })
}

#[test]
fn a4_a_lost_sandbox_is_made_anew() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.apply(
            "
apiVersion: v1
kind: Pod
metadata: {name: lost}
spec:
  shareProcessNamespace: true
  terminationGracePeriodSeconds: 1
  containers:
  - {name: main, image: 'nginx:1.19'}
",
        )?;
        cluster.kubectl("wait --for=condition=Ready pod/lost --timeout=120s")?;
        // The pause process ends, and all processes of its namespace with it.
        cluster.output("kubectl exec lost -- kill -TERM 1", "")?;
        cluster.field_becomes(
            "pod lost",
            ".status.containerStatuses[0].restartCount",
            "1",
            60,
        )?;
        cluster.kubectl("wait --for=condition=Ready pod/lost --timeout=60s")?;
        let described = cluster.kubectl("describe pod lost")?;
        let words = "Pod sandbox changed, it will be killed and re-created.";
        ensure!(described.contains(words), "{described}");
        let ip = cluster.field("pod lost", ".status.podIP")?;
        let page = cluster.page(&format!("http://{ip}/hostname.html"))?;
        ensure!(page.trim() == "lost", "{page}");
        Ok(())
    })
}
