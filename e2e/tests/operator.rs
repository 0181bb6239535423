//! An operator's life: it runs as Pods, and its webhooks convert, default and refuse what users write of its kind.

use std::process::Child;

use anyhow::{Result, ensure};
use skiff_e2e::{Cluster, eventually, on_a_cluster};

const DEFINITION: &str = include_str!("operator/definition.yaml");
const OPERATOR: &str = include_str!("operator/operator.yaml");

/// Installs the operator as its manual would say: a certificate, the definition, two replicas behind a Service.
fn install(cluster: &Cluster) -> Result<()> {
    cluster.sh(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -keyout tls.key -out tls.crt \
         -subj /CN=operator -addext subjectAltName=DNS:operator.operator-system.svc",
    )?;
    let bundle = cluster.sh("base64 -w0 tls.crt")?;
    cluster.kubectl("create namespace operator-system")?;
    cluster
        .kubectl("-n operator-system create secret tls operator --cert=tls.crt --key=tls.key")?;
    cluster.apply(&DEFINITION.replace("BUNDLE", bundle.trim()))?;
    cluster.apply(&OPERATOR.replace("BUNDLE", bundle.trim()))?;
    cluster.kubectl("wait --for=condition=established --timeout=60s crd/widgets.example.com")?;
    cluster.kubectl("-n operator-system rollout status deployment operator --timeout=120s")?;
    let dry = "kubectl apply --dry-run=server -o jsonpath={.metadata.labels.team} -f -";
    eventually("the webhooks are asked", 60, || {
        let team = cluster.sh_with(dry, &widget("dry", "{host: web}"))?;
        ensure!(team == "nobody", "team {team:?}");
        Ok(())
    })
}

/// Waits until a JSONPath of `what` says this.
fn shows(cluster: &Cluster, what: &str, path: &str, expected: &str) -> Result<()> {
    eventually(&format!("{what} to show {expected:?}"), 60, || {
        let shown = cluster.kubectl(&format!("get {what} -o 'jsonpath={path}'"))?;
        ensure!(shown == expected, "it shows {shown:?}");
        Ok(())
    })
}

fn widget(name: &str, spec: &str) -> String {
    format!(
        "{{apiVersion: example.com/v1, kind: Widget, metadata: {{name: {name}}}, spec: {spec}}}"
    )
}

fn old_widget(name: &str, spec: &str) -> String {
    widget(name, spec).replace("example.com/v1", "example.com/v1beta1")
}

/// The cells of a table, line by line.
fn cells(table: &str) -> Vec<Vec<&str>> {
    let lines = table.lines();
    lines
        .map(|line| line.split_whitespace().collect())
        .collect()
}

#[test]
fn an_operator_converts_defaults_and_refuses() -> Result<()> {
    on_a_cluster(|cluster| {
        install(cluster)?;
        converted_and_defaulted(cluster)?;
        refused(cluster)?;
        known_to_kubectl(cluster)
    })
}

/// What is written in one version is there in both, with the defaults of the schema and of the webhook.
fn converted_and_defaulted(cluster: &Cluster) -> Result<()> {
    let told = cluster.sh_with(
        "kubectl apply -f - 2>&1",
        &old_widget("a", "{address: 'web:8080'}"),
    )?;
    let deprecated = "Warning: example.com/v1beta1 Widgets have an address; use example.com/v1";
    ensure!(told.contains(deprecated), "{told}");
    cluster.apply(&widget("b", "{host: db, color: red}"))?;
    let new = "{.spec.host} {.spec.port} {.spec.color} {.spec.replicas} {.metadata.labels.team}";
    for (name, spec) in [("a", "web 8080 red 1 nobody"), ("b", "db 80 red 1 nobody")] {
        shows(cluster, &format!("widget {name}"), new, spec)?;
    }
    let old = cluster.kubectl("get widgets.v1beta1.example.com")?;
    ensure!(
        cells(&old) == [["NAME", "ADDRESS"], ["a", "web:8080"], ["b", "db:80"]],
        "{old}"
    );
    let kept = r#"example.com/v1beta1 {"address":"db:80","color":"red","replicas":1}"#;
    shows(
        cluster,
        "widgets.v1beta1.example.com b",
        "{.apiVersion} {.spec}",
        kept,
    )?;

    // A write in the old version changes what the new one shows.
    let address = r#"{"spec":{"address":"mail:2525"}}"#;
    cluster.kubectl(&format!(
        "patch widgets.v1beta1.example.com b --type=merge -p '{address}'"
    ))?;
    shows(
        cluster,
        "widget b",
        "{.spec.host} {.spec.port}",
        "mail 2525",
    )?;

    // The operator sees them in the version that it knows, and says so.
    for (name, data) in [
        ("a", r#"{"host":"web","port":"8080"}"#),
        ("b", r#"{"host":"mail","port":"2525"}"#),
    ] {
        cluster.kubectl(&format!(
            "wait widget {name} --for=jsonpath={{.status.phase}}=Ready --timeout=60s"
        ))?;
        shows(cluster, &format!("configmap {name}"), "{.data}", data)?;
    }
    let table = cluster.kubectl("get wd -o wide")?;
    let expected = [
        ["NAME", "HOST", "PORT", "PHASE", "COLOR"],
        ["a", "web", "8080", "Ready", "red"],
        ["b", "mail", "2525", "Ready", "red"],
    ];
    ensure!(cells(&table) == expected, "{table}");
    Ok(())
}

/// Who is wrong is told which field is, by the schema, its rules and the webhook.
fn refused(cluster: &Cluster) -> Result<()> {
    let cases = [
        (
            widget("bad", "{host: web, port: 8080, color: green}"),
            "The Widget \"bad\" is invalid: spec.color: Unsupported value: \"green\": supported values: \"red\", \"blue\"",
        ),
        (
            widget("bad", "{host: '', port: 70000}"),
            "* spec.host: Invalid value: \"\": spec.host in body should be at least 1 chars long\n\
             * spec.port: Invalid value: 70000: spec.port in body should be less than or equal to 65535",
        ),
        (
            widget("bad", "{port: 80}"),
            "* spec.host: Required value\n* <nil>: Invalid value: null: some validation rules were not checked",
        ),
        (
            widget("bad", "{host: web, port: 80, color: blue}"),
            "The Widget \"bad\" is invalid: spec: Invalid value: \"object\": only red widgets have low ports",
        ),
        (
            widget("bad", "{host: web, hots: web}"),
            "strict decoding error: unknown field \"spec.hots\"",
        ),
        (
            old_widget("bad", "{address: 'no port'}"),
            "spec.address in body should match '^[a-z.-]+(:[0-9]+)?$'",
        ),
        (
            widget("bad", "{host: localhost}"),
            "The Widget \"bad\" is invalid: spec.host: Invalid value: \"localhost\": must be another machine",
        ),
    ];
    for (manifest, words) in cases {
        let said = cluster.refused_with("kubectl create -f -", &manifest)?;
        ensure!(said.contains(words), "{said}\ndoes not say\n{words}");
    }
    Ok(())
}

/// The scale, the fields that lists are narrowed by, documentation, and the owners of fields.
fn known_to_kubectl(cluster: &Cluster) -> Result<()> {
    cluster.kubectl("scale widget a --replicas=3")?;
    shows(cluster, "widget a", "{.status.replicas}", "3")?;
    let scale = "get --raw /apis/example.com/v1/namespaces/default/widgets/a/scale";
    let scale = cluster.kubectl(scale)?;
    ensure!(
        scale.contains(r#""status":{"replicas":3,"selector":"widget=a"}"#),
        "{scale}"
    );
    cluster.kubectl(r#"patch wd b --type=merge -p '{"spec":{"color":"blue"}}'"#)?;
    let blue = cluster.names("widgets --field-selector=spec.color=blue")?;
    ensure!(blue == ["b"], "{blue:?}");
    let unknown = cluster.refused("kubectl get wd --field-selector=spec.host=web")?;
    ensure!(
        unknown.contains("field label not supported: spec.host"),
        "{unknown}"
    );
    let explained = cluster.kubectl("explain widget.spec.host")?;
    ensure!(
        explained.contains("The machine that it is on."),
        "{explained}"
    );
    let all = cluster.kubectl("get all -o name")?;
    ensure!(all.contains("widget.example.com/a"), "{all}");
    Ok(())
}

/// Writes a widget again and again, in both versions in turn, until the file `stop` is there; what fails is printed.
fn keep_writing(cluster: &Cluster) -> Result<Child> {
    let line = "n=0; while [ ! -e stop ]; do n=$((n + 1)); \
                kubectl patch widgets.v1beta1.example.com a --type=merge -p '{\"spec\":{\"address\":\"web:'$n'\"}}' >/dev/null || echo failed; \
                kubectl label widget a n=$n --overwrite >/dev/null || echo failed; done; echo $n rounds";
    cluster.start(line, &cluster.home().join("written"))
}

#[test]
fn an_operator_is_rolled_and_taken_away() -> Result<()> {
    on_a_cluster(|cluster| {
        install(cluster)?;
        cluster.apply(&old_widget("a", "{address: 'web:1'}"))?;
        shows(cluster, "configmap a", "{.data.host}", "web")?;

        // No write fails while its Pods are replaced, though none is stored without their word.
        let mut writing = keep_writing(cluster)?;
        cluster.kubectl("-n operator-system set env deployment operator ROUND=2")?;
        cluster.kubectl("-n operator-system rollout status deployment operator --timeout=120s")?;
        eventually("the old Pods are gone", 60, || {
            let pods = cluster.names("pods -n operator-system")?;
            ensure!(pods.len() == 2, "{pods:?}");
            Ok(())
        })?;
        cluster.sh("touch stop")?;
        ensure!(writing.wait()?.success(), "the writer ended badly");
        let written = cluster.sh("cat written")?;
        ensure!(
            written.ends_with(" rounds\n") && !written.contains("failed"),
            "{written}"
        );
        let port = cluster.field("widget a", ".spec.port")?;
        shows(cluster, "configmap a", "{.data.port}", &port)?;

        // What goes waits for the operator, who takes along what it made.
        cluster.kubectl("delete widget a --timeout=60s")?;
        let left = cluster.kubectl("get configmap a --ignore-not-found -o name")?;
        ensure!(left.is_empty(), "{left}");
        cluster.apply(&widget("b", "{host: db}"))?;
        cluster.kubectl("delete crd widgets.example.com --timeout=90s")?;
        let gone = cluster.refused("kubectl get --raw /apis/example.com/v1/widgets")?;
        ensure!(
            gone.contains("could not find the requested resource"),
            "{gone}"
        );
        cluster.kubectl("delete namespace operator-system --timeout=90s")?;
        Ok(())
    })
}
