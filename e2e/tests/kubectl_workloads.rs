//! How a user runs things with `kubectl`: run, expose, scale, rollout, set, autoscale, and who may.

use anyhow::{Result, ensure};
use skiff_e2e::{Case, Terminal, on_a_cluster, walk_through, walk_through_with_every_kubectl};

const CASES: &[Case] = &[
    ("run", pods_are_run),
    ("expose", workloads_are_exposed),
    ("scale", workloads_are_scaled),
    ("rollout", rollouts_are_told_and_undone),
    ("set", parts_are_set),
    ("autoscale", workloads_are_autoscaled),
    ("rights", rights_are_asked_for),
];

#[test]
fn kubectl_runs_workloads() -> Result<()> {
    on_a_cluster(|cluster| walk_through(cluster, CASES))
}

#[test]
#[ignore = "long: every kubectl that is found"]
fn kubectl_runs_workloads_with_every_version() -> Result<()> {
    on_a_cluster(|cluster| walk_through_with_every_kubectl(cluster, CASES))
}

/// A Deployment whose Pods nobody needs.
fn deployment(terminal: &Terminal) -> Result<()> {
    terminal.kubectl("create deployment web --image=nginx:1.19 --replicas=0 --port=80")?;
    Ok(())
}

fn pods_are_run(terminal: &Terminal) -> Result<()> {
    terminal.says(&[(
        "run web --image=nginx:1.19 --port=80 --expose --labels=app=web,tier=front --env=A=b --restart=Never --dry-run=server",
        "pod/web created (server dry run)",
    )])?;
    let run = |flags: &str, path: &str| {
        terminal.kubectl(&format!(
            "run web --image=nginx:1.19 {flags} --dry-run=server -o jsonpath='{{{path}}}'"
        ))
    };
    for (flags, path, expected) in [
        ("", ".metadata.labels", "{\"run\":\"web\"}"),
        ("--labels=app=web", ".metadata.labels", "{\"app\":\"web\"}"),
        (
            "--env=A=b",
            ".spec.containers[0].env",
            "[{\"name\":\"A\",\"value\":\"b\"}]",
        ),
        ("--restart=OnFailure", ".spec.restartPolicy", "OnFailure"),
        (
            "--port=80",
            ".spec.containers[0].ports",
            "[{\"containerPort\":80,\"protocol\":\"TCP\"}]",
        ),
        ("-- -g x", ".spec.containers[0].args", "[\"-g\",\"x\"]"),
        (
            "--command -- sh -c x",
            ".spec.containers[0].command",
            "[\"sh\",\"-c\",\"x\"]",
        ),
        (
            "--image-pull-policy=Never",
            ".spec.containers[0].imagePullPolicy",
            "Never",
        ),
        (
            "--overrides='{\"spec\":{\"hostname\":\"h\"}}'",
            ".spec.hostname",
            "h",
        ),
        (
            "--annotations=a=b",
            ".metadata.annotations",
            "{\"a\":\"b\"}",
        ),
        (
            "--privileged",
            ".spec.containers[0].securityContext.privileged",
            "true",
        ),
    ] {
        // What a user types after `--` ends the line.
        let (before, after) = flags.split_once("-- ").unwrap_or((flags, ""));
        let seen = match after {
            "" => run(flags, path)?,
            after => terminal.kubectl(&format!(
                "run web --image=nginx:1.19 --dry-run=server -o jsonpath='{{{path}}}' {before} -- {after}"
            ))?,
        };
        ensure!(seen.contains(expected), "{flags}: {path} is {seen:?}");
    }
    terminal.complains(&[
        (
            "run Web --image=nginx",
            "Invalid value: \"Web\": a lowercase RFC 1123 subdomain",
        ),
        ("run web --image='a b'", "Invalid image name"),
    ])
}

fn workloads_are_exposed(terminal: &Terminal) -> Result<()> {
    deployment(terminal)?;
    terminal.says(&[
        ("expose deployment web", "service/web exposed"),
        ("expose deployment web --name=two --port=8080 --target-port=80 --type=NodePort", "service/two exposed"),
        ("expose service web --name=three --port=81 --target-port=http --protocol=UDP", "service/three exposed"),
        ("expose deployment web --name=four --port=80 --cluster-ip=None --session-affinity=ClientIP", "service/four exposed"),
        ("expose deployment web --name=five --port=80 --external-ip=192.0.2.4", "service/five exposed"),
    ])?;
    for (service, path, expected) in [
        ("web", ".spec.ports[0].port", "80"),
        ("two", ".spec.ports[0].targetPort", "80"),
        ("three", ".spec.ports[0].protocol", "UDP"),
        ("four", ".spec.sessionAffinity", "ClientIP"),
        ("five", ".spec.externalIPs[0]", "192.0.2.4"),
    ] {
        let seen = terminal.field(&format!("service {service}"), path)?;
        ensure!(seen == expected, "{service} {path} is {seen:?}");
    }
    terminal.complains(&[
        ("expose deployment web", "services \"web\" already exists"),
        (
            "expose deployment none --port=80",
            "deployments.apps \"none\" not found",
        ),
    ])
}

fn workloads_are_scaled(terminal: &Terminal) -> Result<()> {
    deployment(terminal)?;
    terminal.apply("---\n{apiVersion: apps/v1, kind: ReplicaSet, metadata: {name: set}, spec: {replicas: 0, selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {schedulingGates: [{name: no.where}], containers: [{name: c, image: d}]}}}}")?;
    terminal.kubectl("patch deployment web -p '{\"spec\":{\"template\":{\"spec\":{\"schedulingGates\":[{\"name\":\"no.where\"}]}}}}'")?;
    terminal.says(&[
        (
            "scale deployment web --replicas=2",
            "deployment.apps/web scaled",
        ),
        (
            "scale deployment web --current-replicas=2 --replicas=1",
            "deployment.apps/web scaled",
        ),
        (
            "scale replicaset/set deployment/web --replicas=3",
            "replicaset.apps/set scaled",
        ),
        (
            "scale --replicas=0 -l app=web deployment",
            "deployment.apps/web scaled",
        ),
        (
            "scale replicaset set --replicas=0",
            "replicaset.apps/set scaled",
        ),
    ])?;
    terminal.complains(&[
        (
            "scale deployment web --current-replicas=7 --replicas=1",
            "Expected replicas to be 7, was 0",
        ),
        (
            "scale deployment web --replicas=-1",
            "The --replicas=COUNT flag is required, and COUNT must be greater than or equal to 0",
        ),
        (
            "scale deployment none --replicas=1",
            "no objects passed to scale",
        ),
        (
            "scale service kubernetes -n default --replicas=1",
            "the server could not find the requested resource",
        ),
    ])
}

fn rollouts_are_told_and_undone(terminal: &Terminal) -> Result<()> {
    deployment(terminal)?;
    terminal.says(&[
        (
            "rollout status deployment web --timeout=60s",
            "deployment \"web\" successfully rolled out",
        ),
        (
            "set image deployment web nginx=nginx:1.20",
            "deployment.apps/web image updated",
        ),
        (
            "annotate deployment web kubernetes.io/change-cause=newer",
            "deployment.apps/web annotate",
        ),
        (
            "rollout status deployment web --timeout=60s",
            "successfully rolled out",
        ),
        (
            "set image deployment web nginx=nginx:1.21",
            "deployment.apps/web image updated",
        ),
        (
            "rollout status deployment web --timeout=60s",
            "successfully rolled out",
        ),
        ("rollout history deployment web", "newer"),
        ("rollout history deployment web --revision=1", "nginx:1.19"),
        (
            "rollout undo deployment web --to-revision=1 --dry-run=server",
            "deployment.apps/web rolled back",
        ),
        (
            "rollout undo deployment web --to-revision=1",
            "deployment.apps/web rolled back",
        ),
        ("rollout pause deployment web", "deployment.apps/web paused"),
        (
            "rollout resume deployment web",
            "deployment.apps/web resumed",
        ),
        (
            "rollout restart deployment web",
            "deployment.apps/web restarted",
        ),
        (
            "rollout status deployment -l app=web --timeout=60s",
            "successfully rolled out",
        ),
    ])?;
    ensure!(
        terminal.field("deployment web", ".spec.template.spec.containers[0].image")?
            == "nginx:1.19"
    );
    terminal.apply("---\n{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: db}, spec: {replicas: 0, serviceName: db, selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: 'busybox:1.28'}]}}}}")?;
    terminal.says(&[
        (
            "rollout restart statefulset db",
            "statefulset.apps/db restarted",
        ),
        ("rollout history statefulset db", "REVISION"),
    ])?;
    skiff_e2e::eventually("the second revision", 60, || {
        let history = terminal.kubectl("rollout history statefulset db")?;
        ensure!(
            history.lines().any(|line| line.starts_with("2 ")),
            "{history}"
        );
        Ok(())
    })?;
    terminal.says(&[(
        "rollout undo statefulset db",
        "statefulset.apps/db rolled back",
    )])?;
    terminal.complains(&[
        (
            "rollout undo deployment web --to-revision=99",
            "unable to find specified revision 99 in history",
        ),
        (
            "rollout status service kubernetes -n default",
            "no status viewer has been implemented for Service",
        ),
        (
            "rollout restart deployment none",
            "deployments.apps \"none\" not found",
        ),
    ])
}

fn parts_are_set(terminal: &Terminal) -> Result<()> {
    deployment(terminal)?;
    terminal.kubectl("create configmap settings --from-literal=LEVEL=high")?;
    terminal.kubectl("create service clusterip web --tcp=80")?;
    terminal.kubectl("create serviceaccount robot")?;
    terminal.kubectl("create rolebinding readers --clusterrole=view --user=jane")?;
    terminal.says(&[
        (
            "set image deployment/web '*=nginx:1.20'",
            "deployment.apps/web image updated",
        ),
        (
            "set env deployment/web A=b",
            "deployment.apps/web env updated",
        ),
        (
            "set env deployment/web --from=configmap/settings --prefix=MY_",
            "deployment.apps/web env updated",
        ),
        ("set env deployment/web --list", "MY_LEVEL"),
        (
            "set env deployment/web A-",
            "deployment.apps/web env updated",
        ),
        (
            "set resources deployment web --limits=cpu=200m,memory=64Mi --requests=cpu=100m",
            "deployment.apps/web resource requirements updated",
        ),
        (
            "set serviceaccount deployment web robot",
            "deployment.apps/web serviceaccount updated",
        ),
        (
            "set selector service web app=other",
            "service/web selector updated",
        ),
        (
            "set subject rolebinding readers --group=people",
            "rolebinding.rbac.authorization.k8s.io/readers subjects updated",
        ),
    ])?;
    for (what, path, expected) in [
        (
            "deployment web",
            ".spec.template.spec.containers[0].image",
            "nginx:1.20",
        ),
        (
            "deployment web",
            ".spec.template.spec.containers[0].env[*].name",
            "MY_LEVEL",
        ),
        (
            "deployment web",
            ".spec.template.spec.containers[0].resources.limits",
            "{\"cpu\":\"200m\",\"memory\":\"64Mi\"}",
        ),
        (
            "deployment web",
            ".spec.template.spec.serviceAccountName",
            "robot",
        ),
        ("service web", ".spec.selector", "{\"app\":\"other\"}"),
        ("rolebinding readers", ".subjects[*].name", "jane people"),
    ] {
        let seen = terminal.field(what, path)?;
        ensure!(seen == expected, "{what} {path} is {seen:?}");
    }
    terminal.complains(&[
        (
            "set image deployment/web none=nginx:1.20",
            "unable to find container named \"none\"",
        ),
        (
            "set resources deployment web --limits=cpu=lots",
            "quantities must match the regular expression",
        ),
        (
            "set resources deployment web --limits=cpu=100m --requests=cpu=200m",
            "must be less than or equal to cpu limit",
        ),
    ])
}

fn workloads_are_autoscaled(terminal: &Terminal) -> Result<()> {
    deployment(terminal)?;
    terminal.says(&[
        (
            "autoscale deployment web --min=1 --max=3 --cpu-percent=80",
            "horizontalpodautoscaler.autoscaling/web autoscaled",
        ),
        ("get hpa web", "Deployment/web"),
        ("describe hpa web", "Max replicas:"),
    ])?;
    for (path, expected) in [
        (".spec.minReplicas", "1"),
        (".spec.maxReplicas", "3"),
        (".spec.metrics[0].resource.target.averageUtilization", "80"),
    ] {
        let seen = terminal.field("hpa web", path)?;
        ensure!(seen == expected, "{path} is {seen:?}");
    }
    terminal.kubectl("delete hpa web")?;
    terminal.complains(&[
        (
            "autoscale deployment web --min=3 --max=1",
            "--max=MAXPODS must be larger or equal to --min=MINPODS",
        ),
        (
            "autoscale deployment none --max=1",
            "deployments.apps \"none\" not found",
        ),
    ])
}

fn rights_are_asked_for(terminal: &Terminal) -> Result<()> {
    terminal.kubectl("create role reader --verb=get --resource=configmaps --resource-name=mine")?;
    terminal.kubectl("create rolebinding jane --role=reader --user=jane")?;
    for (question, answer) in [
        ("create deployments", "yes"),
        ("'*' '*' -A", "yes"),
        ("get configmap/mine --as=jane", "yes"),
        ("get configmap/other --as=jane", "no"),
        ("get pods --subresource=log --as=jane", "no"),
        ("get /healthz --as=jane", "yes"),
        ("get configmaps --as=jane --as-group=system:masters", "yes"),
    ] {
        let said = terminal.sh(&format!("kubectl auth can-i {question} || true"))?;
        ensure!(said.trim() == answer, "{question}: {said}");
    }
    terminal.says(&[("auth can-i --list --as=jane", "[mine]")])?;
    terminal.complains(&[(
        "get configmap other --as=jane",
        "configmaps \"other\" is forbidden: User \"jane\" cannot get resource \"configmaps\" in API group \"\" in the namespace \"rights",
    )])
}
