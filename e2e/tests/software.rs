//! Software that users run: PostgreSQL, Redis, Prometheus.

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use skiff_e2e::{Node, eventually, on_a_cluster};

#[test]
fn postgresql_keeps_its_data() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.apply(POSTGRESQL)?;
        cluster.pods_ready("app=postgres", 1)?;
        let claim = cluster.kubectl("get pvc data-postgres-0")?;
        ensure!(
            claim.contains("Bound") && claim.contains("standard"),
            "{claim}"
        );
        sql(
            cluster,
            "CREATE TABLE ships (name text); INSERT INTO ships VALUES ('skiff');",
        )?;
        let kept = |cluster: &Node, after: &str| {
            eventually(&format!("the data after {after}"), 120, || {
                let ships = sql(cluster, "SELECT name FROM ships;")?;
                ensure!(ships.trim() == "skiff", "{ships}");
                Ok(())
            })
        };
        kept(cluster, "its insertion")?;
        // By its name and port, from another Pod.
        cluster.kubectl(
            "run psql --image=postgres:15 --restart=Never --command -- \
             /usr/lib/postgresql/15/bin/psql -h postgres -U postgres -tAc 'SELECT name FROM ships;'",
        )?;
        cluster.field_becomes("pod psql", ".status.phase", "Succeeded", 60)?;
        let ships = cluster.kubectl("logs psql")?;
        ensure!(ships.trim() == "skiff", "{ships}");

        cluster.kubectl("delete pod postgres-0")?;
        kept(cluster, "its Pod was deleted")?;
        cluster.restart()?;
        kept(cluster, "skiff was started again")?;
        cluster.reboot()?;
        cluster.up()?;
        kept(cluster, "the machine was started again")
    })
}

fn sql(cluster: &Node, statement: &str) -> Result<String> {
    cluster.kubectl(&format!(
        "exec postgres-0 -- /usr/lib/postgresql/15/bin/psql -h 127.0.0.1 -U postgres -tAc \"{statement}\""
    ))
}

#[test]
fn redis_answers_by_its_service() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.kubectl("create deployment redis --image=redis:7 --port=6379")?;
        cluster.kubectl("expose deployment redis")?;
        let pods = cluster.pods_ready("app=redis", 1)?;
        let ask = |question: &str| {
            cluster.kubectl(&format!(
                "exec {} -- redis-cli -h redis {question}",
                pods[0]
            ))
        };
        eventually("redis to answer by its name", 60, || {
            let answer = ask("ping")?;
            ensure!(answer.trim() == "PONG", "{answer}");
            Ok(())
        })?;
        ask("set ship skiff")?;
        let ship = ask("get ship")?;
        ensure!(ship.trim() == "skiff", "{ship}");
        Ok(())
    })
}

/// With the rights of its ServiceAccount; itself it finds by the SRV records of a headless Service.
#[test]
fn prometheus_scrapes_the_cluster() -> Result<()> {
    on_a_cluster(|cluster| {
        let node = cluster.address().to_string();
        cluster.apply(&PROMETHEUS.replace("NODE", &node))?;
        cluster.pods_ready("app=prometheus", 1)?;
        let ip = cluster.field("svc prometheus", ".spec.clusterIP")?;
        eventually("every target to be up", 120, || {
            let up = query(cluster, &ip, "up")?;
            let mut jobs: Vec<&str> = up.iter().map(|(job, _)| job.as_str()).collect();
            jobs.sort_unstable();
            ensure!(jobs == ["apiserver", "dns", "kubelet"], "{up:?}");
            if up.iter().any(|(_, value)| value != "1") {
                bail!(cluster.page(&format!("http://{ip}:9090/api/v1/targets"))?);
            }
            Ok(())
        })?;
        let requests = query(cluster, &ip, "sum by (job) (apiserver_request_total)")?;
        ensure!(requests.len() == 1 && requests[0].1 != "0", "{requests:?}");
        Ok(())
    })
}

/// The job and the value of each series that a query of Prometheus yields.
fn query(cluster: &Node, ip: &str, query: &str) -> Result<Vec<(String, String)>> {
    let query = query.replace(' ', "%20");
    let answer = cluster.page(&format!("'http://{ip}:9090/api/v1/query?query={query}'"))?;
    let answer: Value = serde_json::from_str(&answer)?;
    let series = answer["data"]["result"].as_array().context("a result")?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Ok(series
        .iter()
        .map(|series| (text(&series["metric"]["job"]), text(&series["value"][1])))
        .collect())
}

const POSTGRESQL: &str = r"
apiVersion: v1
kind: Service
metadata: {name: postgres}
spec:
  clusterIP: None
  selector: {app: postgres}
  ports: [{port: 5432}]
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: postgres}
spec:
  serviceName: postgres
  selector: {matchLabels: {app: postgres}}
  template:
    metadata: {labels: {app: postgres}}
    spec:
      securityContext: {runAsUser: 999, runAsGroup: 999, fsGroup: 999}
      containers:
      - name: postgres
        image: postgres:15
        env: [{name: PGDATA, value: /var/lib/postgresql/data/pgdata}]
        ports: [{containerPort: 5432}]
        readinessProbe:
          tcpSocket: {port: 5432}
          periodSeconds: 1
        volumeMounts: [{name: data, mountPath: /var/lib/postgresql/data}]
  volumeClaimTemplates:
  - metadata: {name: data}
    spec:
      accessModes: [ReadWriteOnce]
      resources: {requests: {storage: 1Gi}}
";

const PROMETHEUS: &str = r"
apiVersion: v1
kind: ServiceAccount
metadata: {name: prometheus}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: prometheus}
rules:
- apiGroups: ['']
  resources: [nodes/metrics]
  verbs: [get]
- nonResourceURLs: [/metrics]
  verbs: [get]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: prometheus}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: prometheus}
subjects: [{kind: ServiceAccount, name: prometheus, namespace: default}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: prometheus}
data:
  prometheus.yml: |
    global: {scrape_interval: 1s}
    scrape_configs:
    - job_name: apiserver
      scheme: https
      static_configs: [{targets: ['kubernetes.default.svc:443']}]
      tls_config: {ca_file: /var/run/secrets/kubernetes.io/serviceaccount/ca.crt}
      authorization: {credentials_file: /var/run/secrets/kubernetes.io/serviceaccount/token}
    - job_name: kubelet
      scheme: https
      static_configs: [{targets: ['NODE:10250']}]
      tls_config: {ca_file: /var/run/secrets/kubernetes.io/serviceaccount/ca.crt}
      authorization: {credentials_file: /var/run/secrets/kubernetes.io/serviceaccount/token}
    - job_name: dns
      dns_sd_configs: [{names: [_http._tcp.prometheus-pods.default.svc.cluster.local]}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: prometheus}
spec:
  selector: {matchLabels: {app: prometheus}}
  template:
    metadata: {labels: {app: prometheus}}
    spec:
      serviceAccountName: prometheus
      containers:
      - name: prometheus
        image: prom/prometheus:v2.42.0
        readinessProbe:
          httpGet: {path: /-/ready, port: 9090}
          periodSeconds: 1
        volumeMounts: [{name: config, mountPath: /etc/prometheus}]
      volumes: [{name: config, configMap: {name: prometheus}}]
---
apiVersion: v1
kind: Service
metadata: {name: prometheus}
spec:
  selector: {app: prometheus}
  ports: [{port: 9090}]
---
apiVersion: v1
kind: Service
metadata: {name: prometheus-pods}
spec:
  clusterIP: None
  selector: {app: prometheus}
  ports: [{name: http, port: 9090}]
";
