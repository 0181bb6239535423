//! What a cluster allows: scenarios B6 (budgets, drain) and B7 (quotas, limits, namespaces, accounts).

use anyhow::{Context, Result, ensure};
use skiff_e2e::{Node, eventually, on_a_cluster, walkthroughs};

/// kubectl must fail, and say this.
fn refused(cluster: &Node, arguments: &str, words: &str) -> Result<()> {
    let said = cluster.refused(&format!("kubectl {arguments}"))?;
    ensure!(said.contains(words), "{said:?} does not say {words:?}");
    Ok(())
}

#[test]
fn b6_drain_within_the_budget() -> Result<()> {
    on_a_cluster(|cluster| walkthroughs::drain_within_the_budget(cluster.node()))
}

#[test]
fn b6_who_is_not_ready_may_go_if_the_budget_says_so() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.apply(
            "
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - {name: nginx, image: 'nginx:1.19', readinessProbe: {exec: {command: ['false']}}}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web}
spec: {minAvailable: 1, selector: {matchLabels: {app: web}}}
",
        )?;
        let running = "pods -l app=web --field-selector status.phase=Running";
        let pods = eventually("two Pods that run", 90, || {
            let pods = cluster.names(running)?;
            ensure!(pods.len() == 2, "{pods:?}");
            Ok(pods)
        })?;
        cluster.field_becomes("pdb web", ".status.expectedPods", "2", 30)?;
        // Too few are healthy already, and who starts may be about to be.
        let kept = cluster.evict(&pods[0])?;
        let words = "Cannot evict pod as it would violate the pod's disruption budget.";
        ensure!(kept.stderr.contains(words), "{}", kept.stderr);
        let patch = r#"{"spec": {"unhealthyPodEvictionPolicy": "AlwaysAllow"}}"#;
        cluster.kubectl(&format!("patch pdb web --type=merge -p '{patch}'"))?;
        eventually("one that is not ready to go", 30, || {
            let evicted = cluster.evict(&pods[0])?;
            ensure!(evicted.success, "{}", evicted.stderr);
            Ok(())
        })
    })
}

const QUOTA: &str = "
apiVersion: v1
kind: ResourceQuota
metadata: {name: team}
spec:
  hard: {pods: 2, requests.cpu: 500m, services.nodeports: 1, count/configmaps: 3}
---
apiVersion: v1
kind: LimitRange
metadata: {name: usual}
spec:
  limits:
  - type: Container
    default: {cpu: 200m}
    defaultRequest: {cpu: 100m}
    max: {cpu: 400m}
";

#[test]
fn b7_quota_and_limits_hold() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.apply(QUOTA)?;
        eventually("the quota is counted", 30, || {
            let described = cluster.kubectl("describe quota team")?;
            let squeezed = described.split_whitespace().collect::<Vec<_>>().join(" ");
            // The cluster's certificates are in a ConfigMap of every namespace.
            ensure!(squeezed.contains("Resource Used Hard"), "{described}");
            ensure!(squeezed.contains("count/configmaps 1 3"), "{described}");
            ensure!(squeezed.contains("pods 0 2"), "{described}");
            Ok(())
        })?;

        cluster.kubectl("create deployment web --image=nginx:1.19 --replicas=3")?;
        let pods = cluster.pods_ready("app=web", 2)?;
        let asked = ".spec.containers[0].resources.requests.cpu";
        let asked = cluster.field(&format!("pod {}", pods[0]), asked)?;
        ensure!(asked == "100m", "{asked}");
        eventually("the third Pod to be refused", 30, || {
            let events = cluster.kubectl("describe replicasets -l app=web")?;
            let words = "is forbidden: exceeded quota: team, requested: pods=1, used: pods=2, limited: pods=2";
            ensure!(events.contains(words), "{events}");
            Ok(())
        })?;
        let quotas = cluster.kubectl("get quota team --no-headers")?;
        ensure!(
            quotas.contains("pods: 2/2, requests.cpu: 200m/500m, services.nodeports: 0/1"),
            "{quotas}"
        );

        refused(
            cluster,
            r#"run greedy --image=nginx:1.19 --overrides='{"spec":{"containers":[{"name":"greedy","image":"nginx:1.19","resources":{"limits":{"cpu":"1"}}}]}}'"#,
            "pods \"greedy\" is forbidden: maximum cpu usage per Container is 400m, but limit is 1",
        )?;

        // What goes is given back.
        cluster.kubectl("scale deployment web --replicas=1")?;
        cluster.field_becomes("quota team", ".status.used.pods", "1", 60)?;
        cluster.kubectl("expose deployment web --port=80 --type=NodePort")?;
        refused(
            cluster,
            "create service nodeport second --tcp=80:80",
            "exceeded quota: team, requested: services.nodeports=1, used: services.nodeports=1, limited: services.nodeports=1",
        )?;
        cluster.kubectl("delete service web")?;
        cluster.kubectl("create service nodeport second --tcp=80:80")?;
        Ok(())
    })
}

#[test]
fn b7_priorities_and_classes() -> Result<()> {
    on_a_cluster(|cluster| {
        let classes = cluster.kubectl("get priorityclasses --no-headers")?;
        ensure!(
            classes.contains("system-node-critical") && classes.contains("2000001000"),
            "{classes}"
        );
        cluster.kubectl("create priorityclass high --value=1000 --description=urgent")?;
        cluster.kubectl("create quota urgent --hard=pods=1 --scopes=BestEffort")?;
        cluster.apply(
            "
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  priorityClassName: high
  containers: [{name: nginx, image: 'nginx:1.19'}]
",
        )?;
        let described = cluster.kubectl("describe pod web")?;
        ensure!(
            described.contains("Priority:             1000")
                && described.contains("Priority Class Name:  high"),
            "{described}"
        );
        cluster.field_becomes("quota urgent", ".status.used.pods", "1", 30)?;
        refused(
            cluster,
            "run second --image=nginx:1.19",
            "exceeded quota: urgent, requested: pods=1, used: pods=1, limited: pods=1",
        )
    })
}

#[test]
fn b7_a_namespace_goes_with_all_that_is_in_it() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.kubectl("create namespace team")?;
        cluster.kubectl("create deployment web --image=nginx:1.19 -n team")?;
        cluster.kubectl("create configmap kept -n team --from-literal=a=b")?;
        cluster.kubectl("create quota all --hard=pods=5,configmaps=5 -n team")?;
        let hold = r#"patch configmap kept -n team --type=merge -p '{"metadata":{"finalizers":["example.com/hold"]}}'"#;
        cluster.kubectl(hold)?;
        cluster.kubectl("rollout status deployment/web -n team --timeout=120s")?;

        cluster.kubectl("delete namespace team --wait=false")?;
        let condition = |kind: &str, field: &str| {
            let path = format!(".status.conditions[?(@.type==\"{kind}\")].{field}");
            cluster.field("namespace team", &path)
        };
        eventually("only what is held is left", 90, || {
            let message = condition("NamespaceContentRemaining", "message")?;
            ensure!(
                message == "Some resources are remaining: configmaps. has 1 resource instances",
                "{message}"
            );
            let message = condition("NamespaceFinalizersRemaining", "message")?;
            ensure!(
                message
                    == "Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances",
                "{message}"
            );
            Ok(())
        })?;
        refused(
            cluster,
            "create configmap late -n team",
            "unable to create new content in namespace team because it is being terminated",
        )?;
        cluster.kubectl(
            r#"patch configmap kept -n team --type=merge -p '{"metadata":{"finalizers":null}}'"#,
        )?;
        cluster.kubectl("wait --for=delete namespace/team --timeout=60s")?;
        refused(cluster, "get namespace team", "not found")
    })
}

#[test]
fn b7_accounts_get_tokens() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.kubectl("create serviceaccount robot")?;
        let token = cluster.kubectl("create token robot --duration=1h")?;
        let token = token.trim();
        ensure!(token.split('.').count() == 3, "{token}");
        cluster.apply(
            "
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  serviceAccountName: robot
  terminationGracePeriodSeconds: 0
  containers: [{name: nginx, image: 'nginx:1.19', command: [sleep, '3600']}]
",
        )?;
        cluster.kubectl("wait --for=condition=Ready pod/web --timeout=120s")?;
        let folder = "/var/run/secrets/kubernetes.io/serviceaccount";
        let namespace = cluster.kubectl(&format!("exec web -- cat {folder}/namespace"))?;
        ensure!(namespace == "default", "{namespace}");
        let token = cluster.kubectl(&format!("exec web -- cat {folder}/token"))?;
        ensure!(token.split('.').count() == 3, "{token}");
        let authority = cluster.kubectl(&format!("exec web -- cat {folder}/ca.crt"))?;
        ensure!(authority.contains("BEGIN CERTIFICATE"), "{authority}");
        Ok(())
    })
}

const BUSY: &str = "
apiVersion: v1
kind: Pod
metadata: {name: busy, labels: {app: busy}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: busy
    image: busybox:1.28
    command: [sh, -c, 'while true; do :; done']
    resources: {limits: {cpu: 200m}}
  - name: idle
    image: busybox:1.28
    command: [sleep, '3600']
";

#[test]
fn a3_top() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.apply(BUSY)?;
        cluster.kubectl("wait --for=condition=Ready pod/busy --timeout=120s")?;
        eventually("the busy container to be seen", 60, || {
            let top = cluster.kubectl("top pod busy --containers --no-headers")?;
            let cores = |container: &str| -> Result<u32> {
                let line = top.lines().find(|line| line.contains(container));
                let line = line.with_context(|| format!("no {container} in {top}"))?;
                let cell = line.split_whitespace().nth(2).context("three cells")?;
                Ok(cell.trim_end_matches('m').parse()?)
            };
            ensure!((50..=400).contains(&cores("busy ")?), "{top}");
            ensure!(cores("idle")? <= 10, "{top}");
            Ok(())
        })?;
        let nodes = cluster.kubectl("top node --no-headers")?;
        let cells: Vec<&str> = nodes.split_whitespace().collect();
        ensure!(
            cells.len() == 5 && cells[1].ends_with('m') && cells[3].ends_with("Mi"),
            "{nodes}"
        );
        let resources = cluster.kubectl("api-resources --api-group=metrics.k8s.io")?;
        ensure!(
            resources.contains("NodeMetrics") && resources.contains("PodMetrics"),
            "{resources}"
        );
        let node = cluster.field("nodes", ".items[0].metadata.name")?;
        let raw = format!("get --raw /api/v1/nodes/{node}/proxy/metrics/resource");
        let text = cluster.kubectl(&raw)?;
        ensure!(
            text.contains("container_memory_working_set_bytes{container=\"busy\",namespace=\"default\",pod=\"busy\"}"),
            "{text}"
        );
        Ok(())
    })
}

#[test]
fn b6_autoscale_on_real_use() -> Result<()> {
    on_a_cluster(|cluster| walkthroughs::autoscale_on_real_use(cluster.node()))
}
