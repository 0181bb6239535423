//! What an administrator does with `kubectl`: config, cluster-info, auth, certificates, top, drain, kustomize.

use anyhow::{Context, Result, ensure};
use skiff_e2e::{
    Case, Terminal, eventually, on_a_cluster, walk_through, walk_through_with_every_kubectl,
};

const CASES: &[Case] = &[
    ("config", contexts_are_kept),
    ("cluster-info", the_cluster_is_dumped),
    ("auth", rights_are_reconciled),
    ("certificate", certificates_are_judged),
    ("top", use_is_shown),
    ("drain", nodes_are_drained),
    ("kustomize", folders_are_put_together),
];

#[test]
fn kubectl_administers() -> Result<()> {
    on_a_cluster(|cluster| walk_through(cluster, CASES))
}

#[test]
#[ignore = "long: every kubectl that is found"]
fn kubectl_administers_with_every_version() -> Result<()> {
    on_a_cluster(|cluster| walk_through_with_every_kubectl(cluster, CASES))
}

/// A Deployment of one Pod that sleeps, ready, and the Pod's name.
fn sleeper(terminal: &Terminal) -> Result<String> {
    terminal.apply(
        "
apiVersion: apps/v1
kind: Deployment
metadata: {name: sleeper}
spec:
  selector: {matchLabels: {app: sleeper}}
  template:
    metadata: {labels: {app: sleeper}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{name: main, image: 'busybox:1.28', command: [sleep, '3600']}]
      volumes: [{name: scratch, emptyDir: {}}]
",
    )?;
    let pods = terminal.pods_ready("app=sleeper", 1)?;
    pods.into_iter().next().context("a Pod")
}

fn contexts_are_kept(terminal: &Terminal) -> Result<()> {
    let namespace = terminal.default_namespace()?;
    terminal.says(&[
        ("config current-context", "skiff"),
        ("config get-contexts", &namespace),
        ("config get-contexts -o name", "skiff"),
        ("config get-clusters", "skiff"),
        ("config get-users", "skiff-admin"),
        (
            "config view --minify --flatten -o jsonpath='{.users[0].name}'",
            "skiff-admin",
        ),
        ("config view", "DATA+OMITTED"),
        (
            "config set-context other --cluster=skiff --user=skiff-admin --namespace=default",
            "Context \"other\" created.",
        ),
        ("config use-context other", "Switched to context \"other\"."),
        ("get service kubernetes", "443/TCP"),
        (
            "config rename-context other third",
            "Context \"other\" renamed to \"third\".",
        ),
        ("--context=skiff get configmaps", "kube-root-ca.crt"),
        ("config use-context skiff", "Switched to context \"skiff\"."),
        ("config delete-context third", "deleted context third"),
        (
            "config set-cluster nowhere --server=https://127.0.0.1:1",
            "Cluster \"nowhere\" set.",
        ),
        (
            "config set-credentials jane --token=secret",
            "User \"jane\" set.",
        ),
        (
            "config set clusters.nowhere.server https://127.0.0.1:2",
            "Property \"clusters.nowhere.server\" set.",
        ),
        (
            "config unset clusters.nowhere.server",
            "Property \"clusters.nowhere.server\" unset.",
        ),
        ("config delete-cluster nowhere", "deleted cluster nowhere"),
    ])?;
    terminal.complains(&[
        (
            "--user=jane get pods",
            "You must be logged in to the server",
        ),
        (
            "config use-context none",
            "no context exists with the name: \"none\"",
        ),
        (
            "--server=https://127.0.0.1:1 get pods",
            "was refused - did you specify the right host or port?",
        ),
    ])?;
    terminal.says(&[
        ("config delete-user jane", "deleted user jane"),
        ("options", "--kubeconfig"),
        ("help get", "Usage:"),
    ])
}

fn the_cluster_is_dumped(terminal: &Terminal) -> Result<()> {
    let pod = sleeper(terminal)?;
    let namespace = terminal.default_namespace()?;
    terminal.says(&[
        ("cluster-info", "Kubernetes control plane"),
        ("cluster-info", "KubeDNS"),
        (
            &format!("cluster-info dump --namespaces={namespace}"),
            "\"kind\": \"NodeList\"",
        ),
        (
            &format!("cluster-info dump --namespaces={namespace} --output-directory=dump"),
            "Cluster info dumped to dump",
        ),
    ])?;
    let listed = terminal.sh(&format!("ls dump dump/{namespace} dump/{namespace}/{pod}"))?;
    for file in ["nodes.json", "deployments.json", "events.json", "logs.txt"] {
        ensure!(
            listed.lines().any(|line| line == file),
            "no {file} in\n{listed}"
        );
    }
    Ok(())
}

fn rights_are_reconciled(terminal: &Terminal) -> Result<()> {
    let namespace = terminal.default_namespace()?;
    let role = |verbs: &str| {
        format!(
            "---\n{{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {{name: reader, namespace: {namespace}}}, rules: [{{apiGroups: [''], resources: [pods], verbs: [{verbs}]}}]}}\n"
        )
    };
    terminal.sh(&format!("cat > first.yaml <<'END'\n{}END", role("get")))?;
    terminal.sh(&format!("cat > second.yaml <<'END'\n{}END", role("list")))?;
    let reconciled = "role.rbac.authorization.k8s.io/reader reconciled";
    terminal.says(&[
        ("auth reconcile -f first.yaml --dry-run=client", "(dry run)"),
        ("auth reconcile -f first.yaml", reconciled),
        ("auth reconcile -f second.yaml", "missing rules added"),
    ])?;
    let verbs = |expected: &str| -> Result<()> {
        let seen = terminal.field("role reader", ".rules[*].verbs[*]")?;
        ensure!(seen == expected, "{seen}");
        Ok(())
    };
    verbs("get list")?;
    terminal.says(&[(
        "auth reconcile -f second.yaml --remove-extra-permissions",
        "extra rules removed",
    )])?;
    verbs("list")?;
    // An older one asks for versions of the review that no server has any more.
    if terminal.kubectl_minor() >= 28 {
        terminal.says(&[
            ("auth whoami", "kubernetes-admin"),
            (
                "auth whoami",
                "Extra: authentication.kubernetes.io/credential-id   [X509SHA256=",
            ),
            (
                "auth whoami -o jsonpath='{.status.userInfo.groups}'",
                "system:masters",
            ),
            ("auth whoami --as=jane --as-group=people", "people"),
        ])?;
    }
    Ok(())
}

fn certificates_are_judged(terminal: &Terminal) -> Result<()> {
    terminal.sh("openssl req -new -newkey rsa:2048 -nodes -keyout jane.key -subj /CN=jane/O=people -out jane.csr 2>/dev/null")?;
    for name in ["jane", "again"] {
        terminal.asks_for_a_certificate(name)?;
    }
    terminal.says(&[
        ("get csr jane", "kubernetes.io/kube-apiserver-client"),
        ("describe csr jane", "Common Name:    jane"),
        (
            "certificate approve jane",
            "certificatesigningrequest.certificates.k8s.io/jane approved",
        ),
        (
            "certificate deny again",
            "certificatesigningrequest.certificates.k8s.io/again denied",
        ),
        ("get csr again", "Denied"),
    ])?;
    eventually("the certificate", 60, || {
        let listed = terminal.kubectl("get csr jane")?;
        ensure!(listed.contains("Approved,Issued"), "{listed}");
        Ok(())
    })?;
    terminal.complains(&[("certificate approve nobody", "\"nobody\" not found")])?;
    terminal.kubectl("delete csr jane again")?;
    Ok(())
}

fn use_is_shown(terminal: &Terminal) -> Result<()> {
    let pod = sleeper(terminal)?;
    eventually("the use of the Pod", 60, || {
        terminal.says(&[
            ("top pod", &pod),
            ("top pod -l app=sleeper --containers", "main"),
            ("top pods -A --sort-by=memory", &pod),
            ("top pods --sum", "________"),
            ("top nodes --sort-by=cpu", "MEMORY(bytes)"),
        ])
    })?;
    let bare = terminal.kubectl(&format!("top pod {pod} --no-headers"))?;
    let cells: Vec<&str> = bare.split_whitespace().collect();
    ensure!(
        cells.len() == 3 && cells[1].ends_with('m') && cells[2].ends_with("Mi"),
        "{bare}"
    );
    terminal.complains(&[
        ("top pod none", "pods.metrics.k8s.io \"none\" not found"),
        ("top node none", "\"none\" not found"),
    ])?;
    terminal.says(&[("top pod -l app=none", "No resources found")])
}

fn nodes_are_drained(terminal: &Terminal) -> Result<()> {
    let node = terminal.names("nodes")?.concat();
    let pod = sleeper(terminal)?;
    terminal.kubectl("run bare --image=busybox:1.28 --labels=app=bare -- sleep 3600")?;
    terminal.kubectl("create pdb none --selector=app=sleeper --min-available=1")?;
    terminal.pods_ready("app=bare", 1)?;
    terminal.field_becomes("pdb none", ".status.currentHealthy", "1", 60)?;
    let drain = |flags: &str| format!("drain {node} --ignore-daemonsets --pod-selector={flags}");
    terminal.complains(&[
        (
            &drain("app=bare"),
            "declare no controller (use --force to override)",
        ),
        (
            &drain("app=sleeper"),
            "cannot delete Pods with local storage (use --delete-emptydir-data to override)",
        ),
        (
            &drain("app=sleeper --delete-emptydir-data --timeout=2s"),
            "Cannot evict pod as it would violate the pod's disruption budget.",
        ),
    ])?;
    terminal.says(&[
        (&format!("get node {node}"), "Ready,SchedulingDisabled"),
        (
            &drain("app=bare --force --dry-run=server"),
            "(server dry run)",
        ),
        (&format!("uncordon {node}"), "uncordoned"),
        (
            "delete pdb none",
            "poddisruptionbudget.policy \"none\" deleted",
        ),
        (
            &drain("app=sleeper --delete-emptydir-data"),
            &format!("pod/{pod} evicted"),
        ),
        (&format!("uncordon {node}"), "uncordoned"),
        (&format!("uncordon {node}"), "already uncordoned"),
    ])?;
    let next = terminal.pods_ready("app=sleeper", 1)?.concat();
    ensure!(next != pod, "{pod} is still there");
    terminal.kubectl("delete pod bare --now")?;
    Ok(())
}

fn folders_are_put_together(terminal: &Terminal) -> Result<()> {
    let files = [
        (
            "web.yaml",
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  replicas: 0\n  selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    spec:\n      containers: [{name: nginx, image: 'nginx:1.19', envFrom: [{configMapRef: {name: settings}}]}]\n",
        ),
        (
            "kustomization.yaml",
            "resources: [web.yaml]\nnamePrefix: my-\nimages: [{name: nginx, newTag: '1.20'}]\nconfigMapGenerator: [{name: settings, literals: [LEVEL=high]}]\n",
        ),
    ];
    for (name, text) in files {
        terminal.output(&format!("mkdir -p folder && cat > folder/{name}"), text)?;
    }
    terminal.says(&[
        ("kustomize folder", "image: nginx:1.20"),
        ("apply -k folder", "deployment.apps/my-web created"),
        ("apply -k folder", "deployment.apps/my-web unchanged"),
        ("diff -k folder", ""),
        ("get -k folder", "deployment.apps/my-web"),
        ("describe -k folder", "nginx:1.20"),
    ])?;
    let settings = ".spec.template.spec.containers[0].envFrom[0].configMapRef.name";
    let settings = terminal.field("deployment my-web", settings)?;
    ensure!(
        terminal.field(&format!("configmap {settings}"), ".data.LEVEL")? == "high",
        "{settings}"
    );
    terminal.sh("sed -i s/high/low/ folder/kustomization.yaml")?;
    let changed = terminal.output("kubectl diff -k folder", "")?;
    ensure!(
        !changed.success && changed.stdout.contains("+  LEVEL: low"),
        "{changed:?}"
    );
    terminal.says(&[
        ("apply -k folder", "deployment.apps/my-web configured"),
        ("delete -k folder", "deployment.apps \"my-web\" deleted"),
    ])
}
