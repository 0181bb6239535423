//! What the walkthroughs look for, asked through `kubectl`.

use anyhow::{Context, Result, ensure};

use crate::terminal::{Output, Terminal};
use crate::wait::eventually;

impl Terminal {
    /// The names that `kubectl get` lists, without their kind, in its order.
    pub fn names(&self, what: &str) -> Result<Vec<String>> {
        let listed = self.kubectl(&format!("get {what} -o name"))?;
        let name = |line: &str| line.rsplit('/').next().unwrap_or_default().to_owned();
        Ok(listed.lines().map(name).collect())
    }

    /// A field of `what`, by JSONPath without braces: `field("pod web-0", ".status.podIP")`.
    pub fn field(&self, what: &str, path: &str) -> Result<String> {
        self.kubectl(&format!("get {what} -o 'jsonpath={{{path}}}'"))
    }

    /// Waits until [`Self::field`] is `value`.
    pub fn field_becomes(&self, what: &str, path: &str, value: &str, seconds: u64) -> Result<()> {
        eventually(&format!("{what} {path} to be {value:?}"), seconds, || {
            let seen = self.field(what, path)?;
            ensure!(seen == value, "it is {seen:?}");
            Ok(())
        })
    }

    /// Waits until `kubectl describe` of `what` has all these words.
    pub fn described(&self, what: &str, words: &[&str]) -> Result<()> {
        eventually(&format!("{what} to be described so"), 60, || {
            let told = self.kubectl(&format!("describe {what}"))?;
            let missing: Vec<_> = words.iter().filter(|one| !told.contains(**one)).collect();
            ensure!(missing.is_empty(), "no {missing:?} in\n{told}");
            Ok(())
        })
    }

    /// Waits until every Pod that `selector` finds is ready, and there are `count` of them.
    pub fn pods_ready(&self, selector: &str, count: usize) -> Result<Vec<String>> {
        let conditions = r#"{range .items[*]}{.metadata.name}={.status.conditions[?(@.type=="Ready")].status}{"\n"}{end}"#;
        eventually(&format!("{count} ready Pods of {selector}"), 120, || {
            let seen = self.kubectl(&format!(
                "get pods -l {selector} -o 'jsonpath={conditions}'"
            ))?;
            let ready: Vec<String> = seen
                .lines()
                .filter_map(|line| Some(line.strip_suffix("=True")?.to_owned()))
                .collect();
            let all = ready.len() == count && seen.lines().count() == count;
            ensure!(all, "the Pods are {seen:?}");
            Ok(ready)
        })
    }

    /// Waits with `kubectl wait`, such as `waits("job/pi", "condition=complete")`.
    pub fn waits(&self, what: &str, condition: &str) -> Result<()> {
        self.kubectl(&format!("wait {what} --for={condition} --timeout=120s"))?;
        Ok(())
    }

    /// Asks for the eviction of a Pod of `default`, as a drain does, and returns the answer.
    pub fn evict(&self, pod: &str) -> Result<Output> {
        let eviction = format!(
            r#"{{"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {{"name": "{pod}"}}}}"#
        );
        let path = format!("/api/v1/namespaces/default/pods/{pod}/eviction");
        self.output(&format!("kubectl create --raw {path} -f -"), &eviction)
    }

    /// Waits until no Pod is left that `selector` finds.
    pub fn no_pods(&self, selector: &str) -> Result<()> {
        eventually(&format!("the Pods of {selector} to go"), 60, || {
            let left = self.names(&format!("pods -l {selector}"))?;
            ensure!(left.is_empty(), "there are {left:?}");
            Ok(())
        })
    }

    /// Waits until there are events of all these reasons about `object`, such as `Job/pi`.
    pub fn tells(&self, object: &str, reasons: &[&str]) -> Result<()> {
        eventually(&format!("{object} to tell {reasons:?}"), 60, || {
            let told = self.event_reasons(object)?;
            let has = |reason: &&str| told.iter().any(|one| one == reason);
            ensure!(reasons.iter().all(has), "it tells {told:?}");
            Ok(())
        })
    }

    /// The reasons of the events about `object`, such as `Pod/web-0`, oldest first.
    pub fn event_reasons(&self, object: &str) -> Result<Vec<String>> {
        let (kind, name) = object.split_once('/').unwrap_or(("Pod", object));
        let listed = self.kubectl(&format!(
            "get events --field-selector involvedObject.kind={kind},involvedObject.name={name} \
             -o 'jsonpath={{range .items[*]}}{{.firstTimestamp}} {{.metadata.name}} {{.reason}}{{\"\\n\"}}{{end}}'"
        ))?;
        let mut lines: Vec<&str> = listed.lines().collect();
        // The names end in the time to the nanosecond, which orders events of one second.
        lines.sort_unstable();
        let reason = |line: &&str| line.rsplit(' ').next().unwrap_or_default().to_owned();
        Ok(lines.iter().map(reason).collect())
    }

    /// The CPU that a node has for Pods, in thousandths of a core.
    pub fn cpu_millis_of(&self, node: &str) -> Result<u32> {
        let cores = self.field(&format!("node {node}"), ".status.allocatable.cpu")?;
        Ok(cores.parse::<u32>().context("whole cores")? * 1000)
    }

    /// Asks for other `resources`, in JSON, of the container `main` of a Pod.
    pub fn resize(&self, pod: &str, resources: &str) -> Result<()> {
        let containers = format!(r#"[{{"name": "main", "resources": {resources}}}]"#);
        let patch = format!(r#"{{"spec": {{"containers": {containers}}}}}"#);
        self.kubectl(&format!(
            "patch pod {pod} --subresource resize --patch '{patch}'"
        ))?;
        Ok(())
    }

    /// Makes a CertificateSigningRequest of this name from the file `jane.csr`, for a client of the API.
    pub fn asks_for_a_certificate(&self, name: &str) -> Result<()> {
        self.sh(&format!(
            "kubectl apply -f - <<END
apiVersion: certificates.k8s.io/v1
kind: CertificateSigningRequest
metadata: {{name: {name}}}
spec:
  request: $(base64 -w0 < jane.csr)
  signerName: kubernetes.io/kube-apiserver-client
  expirationSeconds: 86400
  usages: [client auth]
END"
        ))?;
        Ok(())
    }

    /// Starts the Pod `client`, for `kubectl exec client`, and waits until it is ready.
    pub fn start_client_pod(&self) -> Result<()> {
        // Process 1 ignores SIGTERM unless it asks for it.
        self.kubectl(
            "run client --image=busybox:1.28 -- sh -c 'trap \"exit 0\" TERM; sleep 3600 & wait'",
        )?;
        self.pods_ready("run=client", 1)?;
        Ok(())
    }

    /// The page at `url`, as the machine's own wget gets it within five seconds.
    pub fn page(&self, url: &str) -> Result<String> {
        self.sh(&format!("wget -q -T 5 -t 1 -O - {url}"))
    }
}
