//! What a user changes with `kubectl`: apply, edit, patch, replace, label, delete, and waits for.

use anyhow::{Result, ensure};
use skiff_e2e::{Case, Terminal, on_a_cluster, walk_through, walk_through_with_every_kubectl};

const CASES: &[Case] = &[
    ("dry-run", a_dry_run_changes_nothing),
    ("apply", apply_makes_changes_and_removes),
    ("prune", apply_prunes),
    ("diff", diff_shows_what_apply_would_do),
    ("edit", an_editor_changes_objects),
    ("patch", patches_of_each_type),
    ("replace", replace_knows_what_it_replaces),
    ("marks", labels_and_annotations),
    ("delete", deletes_of_each_kind),
    ("wait", waits_for_what_comes),
    ("taint", nodes_are_tainted),
];

#[test]
fn kubectl_writes() -> Result<()> {
    on_a_cluster(|cluster| walk_through(cluster, CASES))
}

#[test]
#[ignore = "long: every kubectl that is found"]
fn kubectl_writes_with_every_version() -> Result<()> {
    on_a_cluster(|cluster| walk_through_with_every_kubectl(cluster, CASES))
}

fn a_dry_run_changes_nothing(terminal: &Terminal) -> Result<()> {
    terminal.kubectl("create deployment web --image=nginx:1.19 --replicas=0")?;
    let version = || terminal.field("deployment web", ".metadata.resourceVersion");
    terminal.kubectl("rollout status deployment web --timeout=60s")?;
    let before = version()?;
    terminal.says(&[
        (
            "create configmap none --dry-run=server",
            "configmap/none created (server dry run)",
        ),
        (
            "create configmap none --dry-run=client",
            "configmap/none created (dry run)",
        ),
        (
            "run none --image=nginx:1.19 --dry-run=server -o jsonpath='{.spec.restartPolicy}'",
            "Always",
        ),
        (
            "scale deployment web --replicas=3 --dry-run=server",
            "deployment.apps/web scaled (server dry run)",
        ),
        (
            "set image deployment web nginx=nginx:1.20 --dry-run=server",
            "deployment.apps/web image updated (server dry run)",
        ),
        (
            "label deployment web a=b --dry-run=server",
            "deployment.apps/web labeled (server dry run)",
        ),
        (
            "annotate deployment web a=b --dry-run=server",
            "deployment.apps/web annotate",
        ),
        (
            "patch deployment web -p '{\"spec\":{\"replicas\":2}}' --dry-run=server",
            "deployment.apps/web patched",
        ),
        (
            "expose deployment web --port=80 --dry-run=server",
            "service/web exposed (server dry run)",
        ),
        (
            "autoscale deployment web --max=3 --dry-run=server",
            "horizontalpodautoscaler.autoscaling/web autoscaled (server dry run)",
        ),
        (
            "delete deployment web --dry-run=server",
            "deployment.apps \"web\" deleted",
        ),
    ])?;
    ensure!(version()? == before, "the Deployment has changed");
    // What was never written has no version.
    let never = terminal.kubectl(
        "create configmap none --dry-run=server -o jsonpath='{.metadata.resourceVersion}'",
    )?;
    ensure!(never.is_empty(), "{never}");
    let names = terminal.names("configmaps,services,hpa")?;
    ensure!(names == ["kube-root-ca.crt"], "{names:?}");
    Ok(())
}

fn apply_makes_changes_and_removes(terminal: &Terminal) -> Result<()> {
    let first = "---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: a, labels: {set: one}}, data: {k: '1', gone: soon}}";
    let second = "---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {k: '2'}}";
    for (manifest, said) in [
        (first, "configmap/a created\n"),
        (first, "configmap/a unchanged\n"),
        (second, "configmap/a configured\n"),
    ] {
        let shown = terminal.apply(manifest)?;
        ensure!(shown == said, "{shown}");
    }
    let data = terminal.field("configmap a", ".data")?;
    ensure!(data == "{\"k\":\"2\"}", "{data}");
    ensure!(
        terminal
            .field("configmap a", ".metadata.labels")?
            .is_empty()
    );
    // What others add stays.
    terminal.kubectl("patch configmap a -p '{\"data\":{\"other\":\"mine\"}}'")?;
    terminal.apply(first)?;
    ensure!(terminal.field("configmap a", ".data.other")? == "mine");

    terminal.sh("mkdir -p folder/in && printf '%s\n' --- '{apiVersion: v1, kind: ConfigMap, metadata: {name: b}}' > folder/b.yaml")?;
    terminal.sh(
        "printf '%s\n' --- '{apiVersion: v1, kind: ConfigMap, metadata: {name: c}}' > folder/in/c.yaml",
    )?;
    terminal.sh(
        "printf 'namePrefix: by-\\nresources: [b.yaml, in/c.yaml]\\n' > folder/kustomization.yaml",
    )?;
    terminal.says(&[
        (
            "apply -f folder/b.yaml -f folder/in -R",
            "configmap/b created\nconfigmap/c created\n",
        ),
        (
            "apply -k folder",
            "configmap/by-b created\nconfigmap/by-c created\n",
        ),
        (
            "apply view-last-applied configmap/a -o json",
            "\"gone\": \"soon\"",
        ),
        (
            "apply set-last-applied -f folder/b.yaml",
            "configmap/b configured",
        ),
        ("delete -k folder", "configmap \"by-b\" deleted"),
    ])?;
    terminal.kubectl("create configmap bare")?;
    terminal.says(&[(
        "apply -f - <<'END'\n---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: bare}}\nEND",
        "Warning: resource configmaps/bare is missing the kubectl.kubernetes.io/last-applied-configuration annotation",
    )])
}

fn apply_prunes(terminal: &Terminal) -> Result<()> {
    let map = |name: &str| {
        format!(
            "---\n{{apiVersion: v1, kind: ConfigMap, metadata: {{name: {name}, labels: {{set: one}}}}}}\n---\n"
        )
    };
    terminal.apply(&(map("stays") + &map("goes")))?;
    terminal.kubectl("create configmap apart")?;
    terminal.sh(&format!("cat > set.yaml <<'END'\n---\n{}END", map("stays")))?;
    let prune = "apply -f set.yaml --prune -l set=one --prune-allowlist=core/v1/ConfigMap";
    terminal.says(&[
        (
            &format!("{prune} --dry-run=server"),
            "configmap/goes pruned (server dry run)",
        ),
        (prune, "configmap/goes pruned"),
        (prune, "configmap/stays unchanged"),
    ])?;
    let names = terminal.names("configmaps")?;
    ensure!(names == ["apart", "kube-root-ca.crt", "stays"], "{names:?}");

    // The newer way, by an object that knows what belongs together.
    let namespace = terminal.default_namespace()?;
    let both = map("stays") + &map("goes");
    for (manifests, expected) in [
        (&both, "configmap/goes serverside-applied"),
        (&map("stays"), "configmap/goes pruned"),
    ] {
        let apply = format!(
            "kubectl apply -n {namespace} --server-side --force-conflicts --prune --applyset=parts -f -"
        );
        let said = terminal.sh_with(&format!("KUBECTL_APPLYSET=true {apply}"), manifests)?;
        ensure!(said.contains(expected), "{said}");
    }
    let id = terminal.kubectl("get secret parts --show-labels")?;
    ensure!(id.contains("applyset.kubernetes.io/id="), "{id}");
    Ok(())
}

fn diff_shows_what_apply_would_do(terminal: &Terminal) -> Result<()> {
    let map = |value: &str| {
        format!(
            "---\n{{apiVersion: v1, kind: ConfigMap, metadata: {{name: a}}, data: {{key: {value}}}}}"
        )
    };
    terminal.apply(&map("old"))?;
    let same = terminal.output("kubectl diff -f -", &map("old"))?;
    ensure!(same.success && same.stdout.is_empty(), "{same:?}");
    let other = terminal.output("kubectl diff -f -", &map("new"))?;
    let shown = other.stdout.contains("-  key: old") && other.stdout.contains("+  key: new");
    ensure!(!other.success && shown, "{other:?}");
    let absent = terminal.output(
        "kubectl diff -f -",
        &map("new").replace("name: a", "name: b"),
    )?;
    ensure!(absent.stdout.contains("+kind: ConfigMap"), "{absent:?}");
    ensure!(terminal.field("configmap a", ".data.key")? == "old");
    Ok(())
}

fn an_editor_changes_objects(terminal: &Terminal) -> Result<()> {
    terminal.kubectl("create configmap a --from-literal=key=old")?;
    terminal.kubectl("create deployment web --image=nginx:1.19 --replicas=0")?;
    let with = |editor: &str, line: &str| {
        terminal.output(&format!("EDITOR='{editor}' kubectl {line}"), "")
    };
    let edited = with("sed -i s/old/new/", "edit configmap a")?;
    ensure!(edited.stdout.contains("configmap/a edited"), "{edited:?}");
    ensure!(terminal.field("configmap a", ".data.key")? == "new");
    let same = with("true", "edit configmap a")?;
    ensure!(
        same.stderr.contains("Edit cancelled, no changes made."),
        "{same:?}"
    );
    let wrong = with(
        "sed -i s/replicas:.*/replicas:\\ -1/",
        "edit deployment web",
    )?;
    ensure!(
        wrong
            .stderr
            .contains("Edit cancelled, no valid changes were saved."),
        "{wrong:?}"
    );
    let fine = with(
        "sed -i s/replicas:.*/replicas:\\ 2/",
        "edit deployment web --subresource=status",
    )?;
    ensure!(fine.success, "{fine:?}");
    terminal
        .apply("---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: b}, data: {key: old}}")?;
    let last = with("sed -i s/old/older/", "apply edit-last-applied configmap/b")?;
    ensure!(last.stdout.contains("configmap/b edited"), "{last:?}");
    terminal.says(&[("apply view-last-applied configmap/b", "key: older")])?;
    ensure!(terminal.field("deployment web", ".spec.replicas")? == "0");
    Ok(())
}

fn patches_of_each_type(terminal: &Terminal) -> Result<()> {
    terminal.kubectl("create deployment web --image=nginx:1.19 --replicas=0")?;
    terminal.sh("printf 'metadata:\n  labels: {from: file}\n' > patch.yaml")?;
    let containers = "{\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"two\",\"image\":\"busybox:1.28\"}]}}}}";
    terminal.says(&[
        (&format!("patch deployment web -p '{containers}'"), "deployment.apps/web patched"),
        ("patch deployment web --type=merge -p '{\"spec\":{\"paused\":true}}'", "deployment.apps/web patched"),
        (
            "patch deployment web --type=json -p '[{\"op\":\"test\",\"path\":\"/spec/paused\",\"value\":true},{\"op\":\"remove\",\"path\":\"/spec/paused\"}]'",
            "deployment.apps/web patched",
        ),
        ("patch deployment web --patch-file=patch.yaml", "deployment.apps/web patched"),
        ("patch deployment web --patch-file=patch.yaml", "deployment.apps/web patched (no change)"),
        (
            "patch deployment web --subresource=scale --type=merge -p '{\"spec\":{\"replicas\":1}}'",
            "patched",
        ),
    ])?;
    // The list of containers is merged by name.
    let names = terminal.field("deployment web", ".spec.template.spec.containers[*].name")?;
    ensure!(names == "two nginx", "{names}");
    ensure!(terminal.field("deployment web", ".spec.paused")?.is_empty());
    ensure!(terminal.field("deployment web", ".spec.replicas")? == "1");
    ensure!(terminal.field("deployment web", ".metadata.labels.from")? == "file");
    terminal.kubectl("patch deployment web --type=merge -p '{\"spec\":{\"replicas\":0,\"template\":{\"spec\":{\"containers\":[{\"name\":\"one\",\"image\":\"b\"}]}}}}'")?;
    let names = terminal.field("deployment web", ".spec.template.spec.containers[*].name")?;
    ensure!(names == "one", "{names}");
    terminal.complains(&[
        (
            "patch deployment web --type=json -p '[{\"op\":\"remove\",\"path\":\"/spec/nothing\"}]'",
            "the server rejected our request due to an error in our request",
        ),
        ("patch deployment web -p '{\"spec\":{\"selector\":{\"matchLabels\":{\"a\":\"b\"}}}}'", "field is immutable"),
        ("patch deployment none -p '{}'", "deployments.apps \"none\" not found"),
        ("patch deployment web --type=merge -p '{\"spec\":{\"replicas\":\"two\"}}'", "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32"),
    ])
}

fn replace_knows_what_it_replaces(terminal: &Terminal) -> Result<()> {
    terminal.kubectl("create configmap a --from-literal=key=old")?;
    terminal.sh("kubectl get configmap a -o yaml > old.yaml")?;
    terminal.sh("sed s/old/new/ old.yaml | kubectl replace -f - | grep 'configmap/a replaced'")?;
    terminal.complains(&[(
        "replace -f old.yaml",
        "Operation cannot be fulfilled on configmaps \"a\": the object has been modified; please apply your changes to the latest version and try again",
    )])?;
    let uid = || terminal.field("configmap a", ".metadata.uid");
    let before = uid()?;
    terminal.says(&[(
        "replace --force -f - <<'END'\n---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {key: forced}}\nEND",
        "configmap/a replaced",
    )])?;
    ensure!(uid()? != before, "it is the same object");
    ensure!(terminal.field("configmap a", ".data.key")? == "forced");
    terminal.complains(&[(
        "replace -f - <<'END'\n---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: none}}\nEND",
        "configmaps \"none\" not found",
    )])
}

fn labels_and_annotations(terminal: &Terminal) -> Result<()> {
    terminal.kubectl("create configmap a")?;
    terminal.kubectl("create configmap b")?;
    terminal.says(&[
        ("label configmap a tier=front", "configmap/a labeled"),
        ("label configmap a tier=front", "configmap/a not labeled"),
        ("label configmaps --all mark=yes", "configmap/b labeled"),
        (
            "label configmap a tier=back --overwrite",
            "configmap/a labeled",
        ),
        ("label configmap a --list", "tier=back"),
        ("label configmap a tier-", "configmap/a unlabeled"),
        ("label configmap a absent-", "label \"absent\" not found."),
        (
            "annotate configmap a note='two words'",
            "configmap/a annotate",
        ),
        (
            "annotate configmap a note=other --overwrite",
            "configmap/a annotate",
        ),
        ("annotate configmap a --list", "note=other"),
        ("annotate configmap a note-", "configmap/a annotate"),
    ])?;
    let labels = terminal.field("configmap a", ".metadata.labels")?;
    ensure!(labels == "{\"mark\":\"yes\"}", "{labels}");
    terminal.complains(&[
        (
            "label configmap a mark=no",
            "already has a value (yes), and --overwrite is false",
        ),
        ("label configmap a 'bad key=x'", "name part must consist of"),
        (
            "label configmap a x=y --resource-version=1",
            "the object has been modified",
        ),
        (
            "annotate configmap a bad/key/x=y",
            "a qualified name must consist of",
        ),
    ])
}

fn deletes_of_each_kind(terminal: &Terminal) -> Result<()> {
    for name in ["a", "b", "c", "d"] {
        terminal.kubectl(&format!("create configmap {name}"))?;
    }
    terminal.kubectl("label configmap a b set=one")?;
    terminal.says(&[
        ("delete configmap -l set=one", "configmap \"a\" deleted"),
        ("delete configmap a --ignore-not-found", ""),
        (
            "delete configmaps --field-selector metadata.name=c",
            "configmap \"c\" deleted",
        ),
        (
            "delete configmap/d serviceaccount/none --ignore-not-found",
            "configmap \"d\" deleted",
        ),
    ])?;
    terminal.complains(&[("delete configmap a", "configmaps \"a\" not found")])?;

    terminal.kubectl("create deployment web --image=nginx:1.19 --replicas=0")?;
    terminal.kubectl("rollout status deployment web --timeout=60s")?;
    let sets = || terminal.names("replicasets");
    let set = sets()?;
    terminal.kubectl("delete deployment web --cascade=orphan")?;
    ensure!(
        sets()? == set && set.len() == 1,
        "{set:?} was to stay, {:?} is there",
        sets()?
    );
    let owners = terminal.field("replicasets", ".items[0].metadata.ownerReferences")?;
    ensure!(owners.is_empty(), "{owners}");
    // The same Deployment takes it over again.
    terminal.kubectl("create deployment web --image=nginx:1.19 --replicas=0")?;
    terminal.kubectl("rollout status deployment web --timeout=60s")?;
    ensure!(sets()? == set, "{:?}", sets()?);
    terminal.kubectl("delete deployment web --cascade=foreground")?;
    ensure!(sets()?.is_empty(), "they went before it: {:?}", sets()?);

    terminal.kubectl("create configmap held")?;
    terminal.kubectl(
        "patch configmap held -p '{\"metadata\":{\"finalizers\":[\"example.com/hold\"]}}'",
    )?;
    terminal.says(&[(
        "delete configmap held --wait=false",
        "configmap \"held\" deleted",
    )])?;
    ensure!(
        !terminal
            .field("configmap held", ".metadata.deletionTimestamp")?
            .is_empty()
    );
    terminal.complains(&[(
        "delete configmap held --timeout=1s",
        "timed out waiting for the condition on configmaps/held",
    )])?;
    terminal.kubectl("patch configmap held -p '{\"metadata\":{\"finalizers\":null}}'")?;
    terminal.complains(&[("get configmap held", "not found")])?;
    terminal.says(&[(
        "delete configmaps,serviceaccounts --all --dry-run=server",
        "(server dry run)",
    )])?;
    terminal.complains(&[("delete --all", "resource")])
}

fn waits_for_what_comes(terminal: &Terminal) -> Result<()> {
    terminal.kubectl("create deployment web --image=nginx:1.19 --replicas=0")?;
    terminal.kubectl("create configmap a --from-literal=key=1")?;
    terminal.says(&[
        (
            "wait deployment web --for=condition=Available --timeout=60s",
            "deployment.apps/web condition met",
        ),
        (
            "wait deployment web --for=jsonpath='{.spec.replicas}'=0 --timeout=10s",
            "deployment.apps/web condition met",
        ),
        (
            "wait configmap/a --for=jsonpath='{.data.key}'=1",
            "configmap/a condition met",
        ),
    ])?;
    terminal.complains(&[
        (
            "wait deployment web --for=condition=Progressing=False --timeout=1s",
            "timed out waiting for the condition on deployments/web",
        ),
        ("wait configmap none --for=delete=x --timeout=1s", ""),
        (
            "wait configmap none --for=condition=X --timeout=1s",
            "not found",
        ),
    ])?;
    if terminal.kubectl_minor() >= 31 {
        terminal.sh("(sleep 1; kubectl create configmap late) & kubectl wait configmap late --for=create --timeout=30s; wait")?;
        terminal.says(&[(
            "wait configmap/a --for=jsonpath='{.data.key}' --timeout=10s",
            "configmap/a condition met",
        )])?;
    }
    terminal.sh("(sleep 1; kubectl delete configmap a) & kubectl wait configmap a --for=delete --timeout=30s; wait")?;
    terminal.complains(&[("get configmap a", "not found")])?;
    terminal.kubectl("delete deployment web --wait=false")?;
    Ok(())
}

fn nodes_are_tainted(terminal: &Terminal) -> Result<()> {
    let node = terminal.names("nodes")?.concat();
    terminal.says(&[
        (
            &format!("taint node {node} kind=test:PreferNoSchedule"),
            "tainted",
        ),
        (
            &format!("taint node {node} kind=other:PreferNoSchedule --overwrite"),
            "modified",
        ),
        (
            &format!("describe node {node}"),
            "kind=other:PreferNoSchedule",
        ),
        (&format!("taint node {node} kind-"), "untainted"),
        (&format!("cordon {node}"), "cordoned"),
        (&format!("get node {node}"), "Ready,SchedulingDisabled"),
        (&format!("uncordon {node}"), "uncordoned"),
    ])?;
    terminal.complains(&[
        (
            &format!("taint node {node} kind=test:Sometimes"),
            "invalid taint effect",
        ),
        (&format!("taint node {node} none-"), "not found"),
    ])
}
