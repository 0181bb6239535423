//! Others who are asked: webhooks, and the API servers of further groups, as Pods of the cluster.

use anyhow::{Result, ensure};
use skiff_e2e::{Cluster, eventually, on_a_cluster};

/// A webhook behind a Service. It shows the certificate in the Secret `hook`.
const HOOK: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: hook}
spec:
  selector: {matchLabels: {app: hook}}
  template:
    metadata: {labels: {app: hook}}
    spec:
      containers:
      - name: hook
        image: admit:1
        ports: [{containerPort: 8443}]
        readinessProbe: {httpGet: {port: 8443, scheme: HTTPS}, periodSeconds: 1}
        volumeMounts: [{name: tls, mountPath: /tls}]
      volumes: [{name: tls, secret: {secretName: hook}}]
---
apiVersion: v1
kind: Service
metadata: {name: hook}
spec:
  selector: {app: hook}
  ports: [{port: 443, targetPort: 8443}]
";

/// Makes the webhook's certificate, and starts it; answers with the certificate in base64.
fn start_hook(cluster: &Cluster) -> Result<String> {
    cluster.sh(
        "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -keyout tls.key -out tls.crt \
         -subj /CN=hook -addext subjectAltName=DNS:hook.default.svc",
    )?;
    cluster.kubectl("create secret tls hook --cert=tls.crt --key=tls.key")?;
    cluster.apply(HOOK)?;
    cluster.kubectl("rollout status deployment hook --timeout=120s")?;
    Ok(cluster.sh("base64 -w0 tls.crt")?.trim().to_owned())
}

/// A configuration of one webhook for the Pods of namespaces that are labelled `hooked=yes`.
fn configuration(kind: &str, path: &str, bundle: &str) -> String {
    format!(
        "
apiVersion: admissionregistration.k8s.io/v1
kind: {kind}
metadata: {{name: pods}}
webhooks:
- name: pods.hook.example.com
  clientConfig:
    caBundle: {bundle}
    service: {{name: hook, namespace: default, path: {path}}}
  rules: [{{apiGroups: [''], apiVersions: [v1], resources: [pods], operations: [CREATE]}}]
  namespaceSelector: {{matchLabels: {{hooked: 'yes'}}}}
  sideEffects: None
  admissionReviewVersions: [v1]
  timeoutSeconds: 5
"
    )
}

#[test]
fn a_webhook_in_a_pod_changes_and_refuses_pods() -> Result<()> {
    on_a_cluster(|cluster| {
        let bundle = start_hook(cluster)?;
        cluster.kubectl("create namespace hooked")?;
        cluster.kubectl("label namespace hooked hooked=yes")?;
        cluster.apply(&configuration(
            "MutatingWebhookConfiguration",
            "/mutate",
            &bundle,
        ))?;
        cluster.apply(&configuration(
            "ValidatingWebhookConfiguration",
            "/validate",
            &bundle,
        ))?;
        let listed = cluster.kubectl("get validatingwebhookconfigurations --no-headers")?;
        ensure!(listed.starts_with("pods   1 "), "{listed}");

        let run = "kubectl -n hooked run --image=busybox:1.28 --restart=Never";
        // The configurations are in force a moment after they are stored.
        let dry = "run --image=busybox:1.28 dry --dry-run=server -n hooked -o jsonpath={.metadata.labels.seen}";
        eventually("the webhook is asked", 30, || {
            let seen = cluster.kubectl(dry)?;
            ensure!(seen == "yes", "not seen: {seen:?}");
            Ok(())
        })?;
        let refused = cluster.refused(&format!("{run} bad --labels=forbidden=yes"))?;
        let words = "admission webhook \"pods.hook.example.com\" denied the request: the label forbidden is forbidden";
        ensure!(refused.contains(words), "{refused}");

        // A container that a webhook adds has its token, and runs.
        let made = cluster.sh(&format!(
            "{run} web --labels=sidecar=wanted -- sleep 3600 2>&1"
        ))?;
        ensure!(made.contains("Warning: seen by hook-"), "{made}");
        cluster.kubectl("-n hooked wait pod web --for=condition=Ready --timeout=90s")?;
        let containers =
            cluster.kubectl("-n hooked get pod web -o jsonpath={.spec.containers[*].name}")?;
        ensure!(containers == "web sidecar", "{containers}");
        let token =
            "-n hooked exec web -c sidecar -- ls /var/run/secrets/kubernetes.io/serviceaccount";
        let token = cluster.kubectl(token)?;
        ensure!(token.contains("token"), "{token}");

        // Other namespaces are none of its affair, and without it nothing is stored here.
        cluster.kubectl("run free --image=busybox:1.28 --labels=forbidden=yes")?;
        cluster.kubectl("scale deployment hook --replicas=0")?;
        let down = "failed calling webhook \"pods.hook.example.com\": failed to call webhook: Post \"https://hook.default.svc:443/mutate?timeout=5s\": ";
        eventually("nobody answers for the webhook", 60, || {
            let refused = cluster.refused(&format!("{run} late --dry-run=server"))?;
            ensure!(refused.contains(down), "{refused}");
            ensure!(
                refused.contains("no endpoints available for service \"hook\""),
                "{refused}"
            );
            Ok(())
        })?;
        let ignored = "failurePolicy: Ignore\n  timeoutSeconds: 5";
        for kind in [
            "MutatingWebhookConfiguration",
            "ValidatingWebhookConfiguration",
        ] {
            let manifest = configuration(kind, "/mutate", &bundle);
            cluster.apply(&manifest.replace("timeoutSeconds: 5", ignored))?;
        }
        eventually("the webhook is done without", 30, || {
            cluster.kubectl("-n hooked run late --image=busybox:1.28 --dry-run=server")
        })?;
        Ok(())
    })
}

/// Says that the webhook also serves a group.
fn api_service(group: &str, version: &str, bundle: &str) -> String {
    format!(
        "
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {{name: {version}.{group}}}
spec:
  group: {group}
  version: {version}
  service: {{name: hook, namespace: default}}
  caBundle: {bundle}
  groupPriorityMinimum: 1000
  versionPriority: 15
"
    )
}

#[test]
fn a_group_is_served_by_a_pod() -> Result<()> {
    on_a_cluster(|cluster| {
        let listed = cluster.kubectl("get apiservices v1. v1.apps --no-headers")?;
        for line in listed.lines() {
            let columns: Vec<&str> = line.split_whitespace().collect();
            ensure!(
                columns.get(1..3) == Some(&["Local", "True"][..]),
                "{listed}"
            );
        }
        let names = "get configmap -n kube-system extension-apiserver-authentication -o jsonpath={.data.requestheader-allowed-names}";
        let names = cluster.kubectl(names)?;
        ensure!(names == "[\"front-proxy-client\"]", "{names}");

        let bundle = start_hook(cluster)?;
        cluster.apply(&api_service("wardle.example.com", "v1alpha1", &bundle))?;
        let available = "--for=condition=Available --timeout=60s";
        cluster.kubectl(&format!(
            "wait apiservice v1alpha1.wardle.example.com {available}"
        ))?;
        let service = "get apiservice v1alpha1.wardle.example.com --no-headers";
        let listed = cluster.kubectl(service)?;
        let columns: Vec<&str> = listed.split_whitespace().collect();
        ensure!(
            columns.get(1..3) == Some(&["default/hook", "True"][..]),
            "{listed}"
        );

        let kinds = cluster.kubectl("api-resources --api-group=wardle.example.com --no-headers")?;
        ensure!(
            kinds.contains("flunders") && kinds.contains("Flunder"),
            "{kinds}"
        );
        // Its certificate says nothing to who comes through the proxy.
        let path = "/api/v1/namespaces/default/services/https:hook:443/proxy/healthz";
        let page = cluster.kubectl(&format!("get --raw {path}"))?;
        ensure!(page.trim() == "{}", "{page}");
        let explained = cluster.kubectl("explain flunder.reference")?;
        ensure!(
            explained.contains("The Flunder that it refers to."),
            "{explained}"
        );
        let flunders = cluster.kubectl("get flunders -o name")?;
        ensure!(
            flunders.trim() == "flunder.wardle.example.com/one",
            "{flunders}"
        );
        let asked = "get flunder two -o jsonpath={.metadata.annotations.asked-by}";
        let asked = cluster.kubectl(&format!("--as jane --as-group system:masters {asked}"))?;
        ensure!(asked == "jane", "asked by {asked:?}");

        cluster.kubectl("scale deployment hook --replicas=0")?;
        eventually("nobody serves the group", 60, || {
            let listed = cluster.kubectl(service)?;
            ensure!(listed.contains("False (MissingEndpoints)"), "{listed}");
            Ok(())
        })?;
        let refused = cluster.refused("kubectl get flunders")?;
        ensure!(
            refused.contains("service unavailable") || refused.contains("unable to handle"),
            "{refused}"
        );
        cluster.kubectl("delete apiservice v1alpha1.wardle.example.com")?;
        eventually("the group is gone", 30, || {
            let kinds = cluster.kubectl("api-resources --no-headers")?;
            ensure!(!kinds.contains("flunders"), "{kinds}");
            Ok(())
        })
    })
}

/// Pods that are scaled by what they are said to do, by what a Service is said to do, and by what waits elsewhere.
const SCALED: &str = "
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: web}
spec:
  podManagementPolicy: Parallel
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{name: web, image: 'busybox:1.28', command: [sleep, '3600']}]
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: StatefulSet, name: web}
  maxReplicas: 4
  metrics:
  - type: Pods
    pods:
      metric: {name: hits-3}
      target: {type: AverageValue, averageValue: 1}
";
const MORE_METRICS: &str = "
  - type: Object
    object:
      describedObject: {apiVersion: v1, kind: Service, name: hook}
      metric: {name: requests-10, selector: {matchLabels: {verb: GET}}}
      target: {type: Value, value: 5}
  - type: External
    external:
      metric: {name: queue-120, selector: {matchLabels: {of: web}}}
      target: {type: AverageValue, averageValue: 30}
";

#[test]
fn b6_autoscale_on_metrics_of_others() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.apply(SCALED)?;
        let told = |words: &str| {
            eventually(words, 60, || {
                let described = cluster.kubectl("describe hpa web")?;
                ensure!(described.contains(words), "{described}");
                Ok(())
            })
        };
        told(
            "the HPA was unable to compute the replica count: unable to get metric hits-3: unable to fetch metrics \
             from custom metrics API: no custom metrics API (custom.metrics.k8s.io) registered",
        )?;
        told("FailedGetPodsMetric")?;
        told(
            "invalid metrics (1 invalid out of 1), first error is: failed to get pods metric value: ",
        )?;
        eventually("nothing is known", 30, || {
            let listed = cluster.kubectl("get hpa web --no-headers")?;
            ensure!(listed.contains("<unknown>/1 "), "{listed}");
            Ok(())
        })?;

        let bundle = start_hook(cluster)?;
        for group in ["custom.metrics.k8s.io", "external.metrics.k8s.io"] {
            cluster.apply(&api_service(group, "v1beta1", &bundle))?;
            let available = "--for=condition=Available --timeout=60s";
            cluster.kubectl(&format!("wait apiservice v1beta1.{group} {available}"))?;
        }
        let ready = "rollout status statefulset web --timeout=60s";
        cluster.kubectl(ready)?;
        cluster.apply(&format!(
            "{SCALED}{}",
            MORE_METRICS.trim_start_matches('\n')
        ))?;
        told(
            "New size: 4; reason: external metric queue-120(&LabelSelector{MatchLabels:map[string]string{of: web,},\
             MatchExpressions:[]LabelSelectorRequirement{},}) above target",
        )?;
        cluster.kubectl(ready)?;
        let replicas = cluster.kubectl("get statefulset web -o jsonpath={.spec.replicas}")?;
        ensure!(replicas == "4", "{replicas} replicas");
        eventually("the metrics are shown", 60, || {
            let listed = cluster.kubectl("get hpa web --no-headers")?;
            ensure!(listed.contains("3/1, 10/5 + 1 more..."), "{listed}");
            Ok(())
        })
    })
}
