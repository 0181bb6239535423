//! What a Pod may say of its resources, its rights and its network: scenario A6.

use anyhow::{Result, ensure};
use skiff_e2e::{eventually, on_a_cluster, walkthroughs};

#[test]
fn a6_resources_and_qos() -> Result<()> {
    on_a_cluster(|cluster| walkthroughs::limits_are_cgroup_settings(cluster.node()))
}

#[test]
fn a6_security_context() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.apply(
            "
apiVersion: v1
kind: Pod
metadata: {name: careful}
spec:
  terminationGracePeriodSeconds: 0
  securityContext:
    runAsUser: 1000
    runAsGroup: 3000
    supplementalGroups: [4000]
    seccompProfile: {type: RuntimeDefault}
    sysctls: [{name: net.ipv4.ip_unprivileged_port_start, value: '81'}]
  containers:
  - name: main
    image: busybox:1.28
    command: [sleep, '600']
    securityContext:
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      capabilities: {drop: [ALL]}
  - name: mighty
    image: busybox:1.28
    command: [sleep, '600']
    securityContext: {privileged: true, runAsUser: 0}
---
apiVersion: v1
kind: Pod
metadata: {name: root}
spec:
  containers:
  - name: main
    image: busybox:1.28
    command: [sleep, '600']
    securityContext: {runAsNonRoot: true}
",
        )?;
        cluster.kubectl("wait --for=condition=Ready pod/careful --timeout=120s")?;
        let ran = |container: &str, command: &str| {
            cluster.kubectl(&format!("exec careful -c {container} -- {command}"))
        };
        let id = ran("main", "id")?;
        for part in ["uid=1000", "gid=3000", "4000"] {
            ensure!(id.contains(part), "{id}");
        }
        let status = ran(
            "main",
            "grep -E '^(CapEff|NoNewPrivs|Seccomp):' /proc/1/status",
        )?;
        let words: Vec<&str> = status.split_whitespace().collect();
        let expected = [
            "CapEff:",
            "0000000000000000",
            "NoNewPrivs:",
            "1",
            "Seccomp:",
            "2",
        ];
        ensure!(words == expected, "{words:?}");
        let refused = cluster.refused("kubectl exec careful -c main -- touch /file")?;
        ensure!(refused.contains("Read-only file system"), "{refused}");
        let port = ran("main", "cat /proc/sys/net/ipv4/ip_unprivileged_port_start")?;
        ensure!(port == "81\n", "{port}");

        let id = ran("mighty", "id -u")?;
        ensure!(id == "0\n", "{id}");
        let status = ran("mighty", "grep -E '^(CapEff|Seccomp):' /proc/1/status")?;
        ensure!(!status.contains("0000000000000000"), "{status}");

        let waiting = ".status.containerStatuses[0].state.waiting";
        let reason = format!("{waiting}.reason");
        cluster.field_becomes("pod root", &reason, "CreateContainerConfigError", 60)?;
        let message = cluster.field("pod root", &format!("{waiting}.message"))?;
        let words = "container has runAsNonRoot and image will run as root (pod: \"root_default(";
        ensure!(message.starts_with(words), "{message}");
        let row = cluster.kubectl("get pod root --no-headers")?;
        ensure!(row.contains("CreateContainerConfigError"), "{row}");
        Ok(())
    })
}

#[test]
fn a6_host_namespaces_and_ports() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.apply(
            "
apiVersion: v1
kind: Pod
metadata: {name: host}
spec:
  hostNetwork: true
  hostPID: true
  hostIPC: true
  terminationGracePeriodSeconds: 0
  containers:
  - {name: main, image: 'busybox:1.28', command: [sleep, '600']}
---
apiVersion: v1
kind: Pod
metadata: {name: ported}
spec:
  containers:
  - name: nginx
    image: nginx:1.19
    ports: [{containerPort: 80, hostPort: 8088}]
",
        )?;
        cluster.kubectl("wait --for=condition=Ready pod/host pod/ported --timeout=120s")?;
        let address = cluster.address().to_string();
        for field in [".status.podIP", ".status.hostIP"] {
            let ip = cluster.field("pod host", field)?;
            ensure!(ip == address, "{field} is {ip}, the node {address}");
        }
        for namespace in ["net", "pid", "ipc"] {
            let link = format!("readlink /proc/self/ns/{namespace}");
            let inside = cluster.kubectl(&format!("exec host -- {link}"))?;
            let outside = cluster.sh(&link)?;
            ensure!(inside == outside, "{namespace}: {inside} is not {outside}");
        }
        eventually("the port of the host to lead to the Pod", 60, || {
            let page = cluster.page(&format!("http://{address}:8088/hostname.html"))?;
            ensure!(page.trim() == "ported", "{page}");
            Ok(())
        })
    })
}

#[test]
fn a6_names_and_resolvers() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.apply(
            "
apiVersion: v1
kind: Pod
metadata: {name: named}
spec:
  hostname: box
  subdomain: boxes
  setHostnameAsFQDN: true
  terminationGracePeriodSeconds: 0
  hostAliases: [{ip: 192.0.2.7, hostnames: [far, further]}]
  dnsPolicy: None
  dnsConfig:
    nameservers: [192.0.2.53]
    searches: [example.com]
    options: [{name: ndots, value: '2'}, {name: edns0}]
  containers:
  - {name: main, image: 'busybox:1.28', command: [sleep, '600']}
---
apiVersion: v1
kind: Pod
metadata: {name: usual}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - {name: main, image: 'busybox:1.28', command: [sleep, '600']}
",
        )?;
        cluster.kubectl("wait --for=condition=Ready pod/named pod/usual --timeout=120s")?;
        let name = cluster.kubectl("exec named -- hostname")?;
        ensure!(name == "box.boxes.default.svc.cluster.local\n", "{name}");
        let hosts = cluster.kubectl("exec named -- cat /etc/hosts")?;
        ensure!(hosts.contains("192.0.2.7\tfar\tfurther"), "{hosts}");
        let ip = cluster.field("pod named", ".status.podIP")?;
        let own = format!("{ip}\tbox.boxes.default.svc.cluster.local\tbox");
        ensure!(hosts.contains(&own), "{hosts}");
        let resolvers = cluster.kubectl("exec named -- cat /etc/resolv.conf")?;
        let expected = "search example.com\nnameserver 192.0.2.53\noptions ndots:2 edns0\n";
        ensure!(resolvers == expected, "{resolvers:?}");

        let resolvers = cluster.kubectl("exec usual -- cat /etc/resolv.conf")?;
        for line in [
            "search default.svc.cluster.local svc.cluster.local cluster.local",
            "nameserver 10.96.0.10",
            "options ndots:5",
        ] {
            ensure!(resolvers.contains(line), "{resolvers}");
        }
        Ok(())
    })
}

#[test]
fn a1_a_runtime_class_chooses_the_handler() -> Result<()> {
    on_a_cluster(|cluster| {
        let class = |name: &str, handler: &str| {
            cluster.apply(&format!(
                "
apiVersion: node.k8s.io/v1
kind: RuntimeClass
metadata: {{name: {name}}}
handler: {handler}
overhead: {{podFixed: {{memory: 1Mi}}}}
"
            ))
        };
        class("plain", "runc")?;
        class("strange", "nowhere")?;
        let run = |name: &str, class: &str| {
            format!(
                r#"kubectl run {name} --image=nginx:1.19 --overrides='{{"spec": {{"runtimeClassName": "{class}"}}}}'"#
            )
        };
        cluster.sh(&run("usual", "plain"))?;
        cluster.pods_ready("run=usual", 1)?;
        let cost = cluster.field("pod usual", ".spec.overhead.memory")?;
        ensure!(cost == "1Mi", "the Pod's overhead is {cost:?}");

        cluster.sh(&run("lost", "strange"))?;
        eventually("the runtime to know no such handler", 60, || {
            let told = cluster.kubectl("describe pod lost")?;
            for words in ["FailedCreatePodSandBox", "no runtime for \"nowhere\""] {
                ensure!(told.contains(words), "{told}");
            }
            Ok(())
        })?;
        let refused = cluster.refused(&run("never", "gone"))?;
        let words = "pods \"never\" is forbidden: pod rejected: RuntimeClass \"gone\" not found";
        ensure!(refused.contains(words), "{refused}");
        let row = cluster.kubectl("get runtimeclass plain")?;
        ensure!(row.contains("HANDLER") && row.contains("runc"), "{row}");
        Ok(())
    })
}

/// What the runtime cannot do is never left out in silence.
#[test]
fn a6_what_the_node_cannot_do_is_said() -> Result<()> {
    on_a_cluster(|cluster| {
        let pod = |name: &str, rest: &str| {
            format!(
                "
apiVersion: v1
kind: Pod
metadata: {{name: {name}}}
spec:
  terminationGracePeriodSeconds: 0
  {rest}
  containers:
  - name: main
    image: busybox:1.28
    command: [sleep, '600']
    volumeMounts: [{{name: empty, mountPath: /empty, readOnly: true, recursiveReadOnly: MODE}}]
  volumes: [{{name: empty, emptyDir: {{}}}}]
---"
            )
        };
        let strict = "securityContext: {supplementalGroupsPolicy: Strict}";
        let semaphores = "securityContext: {sysctls: [{name: kernel.sem, value: '1 1 1 1'}]}";
        let pods = [
            pod("grouped", strict).replace("MODE", "Disabled"),
            pod("alone", "hostUsers: false").replace("MODE", "Disabled"),
            pod("deep", "").replace("MODE", "Enabled"),
            pod("perhaps", "").replace("MODE", "IfPossible"),
            pod("unsafe", semaphores).replace("MODE", "Disabled"),
        ];
        cluster.apply(&pods.concat())?;
        let strict = "SupplementalGroupsPolicy=Strict is not supported in this node";
        cluster.field_becomes("pod grouped", ".status.phase", "Failed", 60)?;
        let reason = cluster.field("pod grouped", ".status.reason")?;
        ensure!(reason == "SupplementalGroupsPolicyNotSupported", "{reason}");
        let message = cluster.field("pod grouped", ".status.message")?;
        ensure!(
            message == format!("Pod was rejected: {strict}"),
            "{message}"
        );
        cluster.described("pod grouped", &[&reason, strict])?;
        let forbidden = "forbidden sysctl: \"kernel.sem\" not allowlisted";
        cluster.described("pod unsafe", &["SysctlForbidden", forbidden])?;
        let users = "can't set `spec.hostUsers: false`, runtime does not support user namespaces";
        cluster.described("pod alone", &["FailedCreatePodSandBox", users])?;
        let waiting = ".status.containerStatuses[0].state.waiting";
        let reason = format!("{waiting}.reason");
        cluster.field_becomes("pod deep", &reason, "CreateContainerConfigError", 60)?;
        let message = cluster.field("pod deep", &format!("{waiting}.message"))?;
        let words = "failed to resolve recursive read-only mode: volume \"empty\" requested recursive read-only mode, \
             but it is not supported by the runtime";
        ensure!(message == words, "{message}");
        cluster.kubectl("wait --for=condition=Ready pod/perhaps --timeout=120s")?;
        Ok(())
    })
}
