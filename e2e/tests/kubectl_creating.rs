//! What a user makes with `kubectl create`: each of its subcommands, and what it refuses.

use anyhow::{Result, ensure};
use skiff_e2e::{Case, Terminal, on_a_cluster, walk_through, walk_through_with_every_kubectl};

const CASES: &[Case] = &[
    ("create", everything_is_created),
    ("create-options", options_are_kept),
    ("refused", nothing_is_created_twice_or_wrong),
];

#[test]
fn kubectl_creates() -> Result<()> {
    on_a_cluster(|cluster| walk_through(cluster, CASES))
}

#[test]
#[ignore = "long: every kubectl that is found"]
fn kubectl_creates_with_every_version() -> Result<()> {
    on_a_cluster(|cluster| walk_through_with_every_kubectl(cluster, CASES))
}

fn everything_is_created(terminal: &Terminal) -> Result<()> {
    terminal.sh("printf 'a=1\\nb=2\\n' > pairs; printf hello > greeting")?;
    terminal.sh("openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -subj /CN=a.example.com -days 1 2>/dev/null")?;
    terminal.says(&[
        ("create deployment web --image=nginx:1.19 --replicas=0 --port=80", "deployment.apps/web created"),
        ("create service clusterip plain --tcp=80:8080", "service/plain created"),
        ("create service clusterip headless --clusterip=None", "service/headless created"),
        ("create service nodeport outside --tcp=80:8080", "service/outside created"),
        ("create service externalname other --external-name=example.com", "service/other created"),
        ("create configmap files --from-file=greeting --from-literal=key=value", "configmap/files created"),
        ("create configmap pairs --from-env-file=pairs", "configmap/pairs created"),
        ("create secret generic plain --from-literal=password=s3cret", "secret/plain created"),
        ("create secret tls pair --cert=cert.pem --key=key.pem", "secret/pair created"),
        ("create secret docker-registry pull --docker-username=u --docker-password=p", "secret/pull created"),
        ("create serviceaccount robot", "serviceaccount/robot created"),
        ("create job once --image=busybox:1.28 --dry-run=client -o name", "job.batch/once"),
        ("create cronjob yearly --image=busybox:1.28 --schedule='0 0 1 1 *'", "cronjob.batch/yearly created"),
        ("create role reader --verb=get,list --resource=pods,pods/log", "role.rbac.authorization.k8s.io/reader created"),
        ("create rolebinding readers --role=reader --user=jane --serviceaccount=default:robot", "rolebinding.rbac.authorization.k8s.io/readers created"),
        ("create clusterrole scraper --verb=get --non-resource-url=/metrics", "clusterrole.rbac.authorization.k8s.io/scraper created"),
        ("create clusterrolebinding scrapers --clusterrole=scraper --group=people", "clusterrolebinding.rbac.authorization.k8s.io/scrapers created"),
        ("create quota small --hard=pods=3,requests.cpu=1", "resourcequota/small created"),
        ("create poddisruptionbudget keep --selector=app=web --min-available=50%", "poddisruptionbudget.policy/keep created"),
        ("create priorityclass high --value=1000 --description=high", "priorityclass.scheduling.k8s.io/high created"),
        ("create ingress door --rule='a.example.com/*=plain:80'", "ingress.networking.k8s.io/door created"),
        ("create namespace made-by-hand", "namespace/made-by-hand created"),
        ("create token robot --duration=10m", "."),
        ("create -f - -o name <<'END'\n---\n{apiVersion: v1, kind: ConfigMap, metadata: {generateName: some-}}\nEND", "configmap/some-"),
    ])?;
    for (what, path, expected) in [
        (
            "deployment web",
            ".spec.template.spec.containers[0].ports[0].containerPort",
            "80",
        ),
        ("service headless", ".spec.clusterIP", "None"),
        ("configmap files", ".data.greeting", "hello"),
        ("configmap pairs", ".data", "{\"a\":\"1\",\"b\":\"2\"}"),
        ("secret plain", ".data.password", "czNjcmV0"),
        ("secret pair", ".type", "kubernetes.io/tls"),
        ("secret pull", ".type", "kubernetes.io/dockerconfigjson"),
        ("cronjob yearly", ".spec.concurrencyPolicy", "Allow"),
        (
            "role reader",
            ".rules[0].resources",
            "[\"pods\",\"pods/log\"]",
        ),
        ("rolebinding readers", ".subjects[*].name", "jane robot"),
        ("quota small", ".spec.hard.pods", "3"),
        ("pdb keep", ".spec.minAvailable", "50%"),
        (
            "ingress door",
            ".spec.rules[0].http.paths[0].pathType",
            "Prefix",
        ),
    ] {
        let seen = terminal.field(what, path)?;
        ensure!(seen == expected, "{what} {path} is {seen:?}");
    }
    terminal.says(&[
        (
            "delete clusterrole,clusterrolebinding scraper scrapers --ignore-not-found",
            "deleted",
        ),
        (
            "delete priorityclass high",
            "priorityclass.scheduling.k8s.io \"high\" deleted",
        ),
        (
            "delete namespace made-by-hand",
            "namespace \"made-by-hand\" deleted",
        ),
    ])
}

fn nothing_is_created_twice_or_wrong(terminal: &Terminal) -> Result<()> {
    terminal.kubectl("create configmap twice")?;
    terminal.complains(&[
        (
            "create configmap twice",
            "error: failed to create configmap: configmaps \"twice\" already exists",
        ),
        (
            "create configmap Upper_Case",
            "a lowercase RFC 1123 subdomain must consist of",
        ),
        (
            "create service nodeport n --tcp=80 --node-port=80",
            "provided port is not in the valid range. The range of valid ports is 30000-32767",
        ),
        (
            "create cronjob c --image=a --schedule=never",
            "spec.schedule: Invalid value: \"never\"",
        ),
        (
            "create quota q --hard=pods=-1",
            "must be greater than or equal to 0",
        ),
        (
            "create -n nowhere configmap a",
            "namespaces \"nowhere\" not found",
        ),
        (
            "create priorityclass system-high --value=1",
            "prefix are reserved for system use only",
        ),
    ])
}

fn options_are_kept(terminal: &Terminal) -> Result<()> {
    terminal.sh("printf s3cret > password")?;
    terminal.says(&[
        ("create deployment two --image=nginx:1.19 --image=busybox:1.28 --replicas=0", "deployment.apps/two created"),
        ("create deployment sleeper --image=busybox:1.28 --replicas=0 -- sleep 60", "deployment.apps/sleeper created"),
        ("create cronjob yearly --image=busybox:1.28 --schedule='0 0 1 1 *' --restart=Never -- sh -c 'echo done'", "cronjob.batch/yearly created"),
        ("create job once --from=cronjob/yearly", "job.batch/once created"),
        ("create job direct --image=busybox:1.28 -- true", "job.batch/direct created"),
        ("create secret generic from-file --type=example.com/own --from-file=key=password", "secret/from-file created"),
        ("create configmap hashed --from-literal=a=b --append-hash", "configmap/hashed-"),
        ("create service loadbalancer front --tcp=8081:80", "service/front created"),
        ("create service clusterip fixed --tcp=80 --clusterip=None", "service/fixed created"),
        ("create poddisruptionbudget few --selector=app=web --max-unavailable=1", "poddisruptionbudget.policy/few created"),
        ("create quota scoped --hard=pods=3 --scopes=BestEffort", "resourcequota/scoped created"),
        ("create role patient --verb=get --resource=deployments.apps/scale --resource-name=web", "role.rbac.authorization.k8s.io/patient created"),
        ("create rolebinding many --clusterrole=view --group=people --user=jane --user=joe", "rolebinding.rbac.authorization.k8s.io/many created"),
        ("create ingress door --class=own --rule='a.example.com/login=web:http,tls=cert' --default-backend=web:80 --annotation=a=b", "ingress.networking.k8s.io/door created"),
        ("create serviceaccount robot", "serviceaccount/robot created"),
        ("create token robot --audience=elsewhere --duration=10m --bound-object-kind=Secret --bound-object-name=from-file", "."),
        ("create clusterrole options-sum --aggregation-rule=part=of-sum --dry-run=server -o yaml", "part: of-sum"),
        ("create priorityclass options-low --value=-5 --preemption-policy=Never --dry-run=server -o yaml", "preemptionPolicy: Never"),
        ("create namespace options-other --dry-run=server -o name", "namespace/options-other"),
    ])?;
    for (what, path, expected) in [
        (
            "deployment two",
            ".spec.template.spec.containers[*].name",
            "nginx busybox",
        ),
        (
            "deployment sleeper",
            ".spec.template.spec.containers[0].command",
            "[\"sleep\",\"60\"]",
        ),
        ("job once", ".metadata.ownerReferences[*].name", "yearly"),
        ("job once", ".spec.template.spec.restartPolicy", "Never"),
        ("secret from-file", ".type", "example.com/own"),
        ("secret from-file", ".data.key", "czNjcmV0"),
        ("service front", ".spec.type", "LoadBalancer"),
        ("pdb few", ".spec.maxUnavailable", "1"),
        ("quota scoped", ".spec.scopes", "[\"BestEffort\"]"),
        (
            "role patient",
            ".rules[0].resources",
            "[\"deployments/scale\"]",
        ),
        ("role patient", ".rules[0].resourceNames", "[\"web\"]"),
        ("rolebinding many", ".subjects[*].name", "jane joe people"),
        ("ingress door", ".spec.ingressClassName", "own"),
        ("ingress door", ".spec.tls[0].secretName", "cert"),
        (
            "ingress door",
            ".spec.rules[0].http.paths[0].backend.service.port.name",
            "http",
        ),
    ] {
        let seen = terminal.field(what, path)?;
        ensure!(seen == expected, "{what} {path} is {seen:?}");
    }
    terminal.says(&[
        (
            "wait job/once job/direct --for=condition=Complete --timeout=120s",
            "job.batch/once condition met",
        ),
        ("logs job/once", "done"),
    ])?;
    terminal.complains(&[
        (
            "create deployment web --image=nginx:1.19 --image=busybox:1.28 -- sleep 1",
            "cannot specify multiple --image options and command",
        ),
        (
            "create token robot --duration=1m",
            "may not specify a duration less than 10 minutes",
        ),
        (
            "create job none --from=cronjob/none",
            "cronjobs.batch \"none\" not found",
        ),
    ])
}
