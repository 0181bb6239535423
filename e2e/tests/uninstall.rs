//! `skiff uninstall` leaves the machine as it was, whatever ran on it (scenario E1).

use anyhow::{Result, ensure};
use skiff_e2e::{Cluster, eventually, on_a_machine};

/// What of a cluster can be seen on the machine: its network, its rules, the kernel's settings, mounts, cgroups,
/// processes and files.
fn traces(machine: &Cluster) -> Result<String> {
    let (home, data) = (machine.home().display(), machine.data_dir().display());
    machine.sh(&format!(
        "nft list ruleset; iptables-save | grep -v '^[#:]'; \
         ip -br link; ip -br address; ip rule; ip -4 route show table all; ip -6 route show table all | grep -v fe80; \
         cd /proc/sys/net; grep . ipv4/ip_forward ipv4/conf/*/route_localnet bridge/bridge-nf-call-iptables; \
         grep {home} /proc/self/mountinfo; \
         find /sys/fs/cgroup -maxdepth 2 -name skiff-$(printf %s {data} | sha256sum | cut -c1-8) | sort; \
         ps -eo args | grep {home} | grep -v -e grep -e docker-registry -e ' -c '; \
         find {home} -not -path '{home}/bin*' -not -name skiff.log -not -path '{home}/.kube*'; true"
    ))
}

/// Something of everything that leaves a mark on a machine.
const EVERYTHING: &str = r#"
apiVersion: networking.k8s.io/v1
kind: ServiceCIDR
metadata: {name: further}
spec: {cidrs: [203.0.113.0/24]}
---
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
      containers:
      - name: nginx
        image: nginx:1.19
        volumeMounts:
        - {name: memory, mountPath: /memory}
        - {name: settings, mountPath: /settings}
        - {name: one, mountPath: /one/file, subPath: key}
      volumes:
      - {name: memory, emptyDir: {medium: Memory}}
      - {name: settings, projected: {sources: [{configMap: {name: settings}}]}}
      - {name: one, configMap: {name: settings}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {key: value}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  serviceName: db
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: db
        image: nginx:1.19
        ports: [{containerPort: 80, hostPort: 8080}]
        volumeMounts: [{name: data, mountPath: /data}]
  volumeClaimTemplates:
  - metadata: {name: data}
    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}
---
apiVersion: v1
kind: Pod
metadata: {name: on-the-host, labels: {app: host}}
spec:
  hostNetwork: true
  terminationGracePeriodSeconds: 1
  containers: [{name: sleep, image: "busybox:1.28", command: [sleep, "3600"]}]
---
apiVersion: v1
kind: Service
metadata: {name: inside}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: db}
spec: {clusterIP: None, selector: {app: db}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: sticky}
spec: {type: NodePort, sessionAffinity: ClientIP, selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: outside}
spec: {type: LoadBalancer, selector: {app: web}, externalIPs: [192.0.2.7], ports: [{port: 8888, targetPort: 80}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: site}
spec: {defaultBackend: {service: {name: inside, port: {number: 80}}}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: quiet}
spec: {podSelector: {matchLabels: {app: web}}, ingress: [{from: [{podSelector: {}}]}]}
"#;

#[test]
fn e1_uninstall_leaves_nothing() -> Result<()> {
    on_a_machine(|machine| {
        let before = traces(machine)?;
        machine.up()?;
        machine.apply(EVERYTHING)?;
        machine.pods_ready("app=web", 3)?;
        machine.pods_ready("app=db", 1)?;
        machine.pods_ready("app=host", 1)?;
        eventually("all marks on the machine", 60, || {
            let during = traces(machine)?;
            for mark in [
                "cni0",
                "10.96.0.0/12",
                "table ip skiff ",
                "table ip skiff-policy",
                "CNI-HOSTPORT-DNAT",
                "/home/kubeconfig",
            ] {
                let mark = mark.replace("/home", &machine.home().display().to_string());
                ensure!(during.contains(&mark), "{mark} is not in\n{during}");
            }
            Ok(())
        })?;
        // Another mode leaves marks of its own.
        machine.kubectl(
            r#"patch -n kube-system configmap kube-proxy --type=merge -p '{"data": {"config.conf": "mode: iptables"}}'"#,
        )?;
        eventually("the chains of iptables", 30, || {
            let rules = machine.sh("iptables -t nat -S")?;
            ensure!(rules.contains("KUBE-SERVICES"), "{rules}");
            Ok(())
        })?;

        machine.skiff_does("uninstall")?;
        machine.stopped()?;
        let after = traces(machine)?;
        ensure!(after == before, "before:\n{before}\nafter:\n{after}");
        Ok(())
    })
}
