//! Kinds that users make: a definition, its resources, and the real kubectl.

use anyhow::{Result, ensure};
use skiff_e2e::{Node, eventually, on_a_cluster};

const DEFINITION: &str = r#"
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: crontabs.stable.example.com}
spec:
  group: stable.example.com
  scope: Namespaced
  names: {plural: crontabs, singular: crontab, kind: CronTab, shortNames: [ct], categories: [toys]}
  versions:
  - name: v1
    served: true
    storage: true
    subresources:
      status: {}
      scale: {specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas}
    additionalPrinterColumns:
    - {name: Spec, type: string, jsonPath: .spec.cronSpec, description: When it runs.}
    - {name: Replicas, type: integer, jsonPath: .spec.replicas}
    - {name: Age, type: date, jsonPath: .metadata.creationTimestamp}
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            required: [cronSpec]
            properties:
              cronSpec: {type: string, pattern: '^(\S+\s){4}\S+$', description: When it runs.}
              image: {type: string, default: 'busybox:1.28'}
              replicas: {type: integer, minimum: 1, maximum: 10, default: 1}
          status:
            type: object
            properties: {replicas: {type: integer}}
"#;

fn cron_tab(name: &str, spec: &str) -> String {
    format!(
        "
apiVersion: stable.example.com/v1
kind: CronTab
metadata: {{name: {name}}}
spec: {spec}
"
    )
}

/// A definition, and at once what it is for.
fn define(cluster: &Node) -> Result<()> {
    cluster.apply(DEFINITION)?;
    cluster.kubectl(
        "wait --for=condition=established --timeout=60s crd/crontabs.stable.example.com",
    )?;
    cluster.apply(&cron_tab("nightly", "{cronSpec: '0 3 * * *'}"))?;
    Ok(())
}

#[test]
fn a_definition_makes_a_kind() -> Result<()> {
    on_a_cluster(|cluster| {
        define(cluster)?;
        let table = cluster.kubectl("get ct")?;
        let lines: Vec<Vec<&str>> = table
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        ensure!(lines[0] == ["NAME", "SPEC", "REPLICAS", "AGE"], "{table}");
        ensure!(
            lines[1][..7] == ["nightly", "0", "3", "*", "*", "*", "1"],
            "{table}"
        );
        let named = cluster.kubectl("get toys -o name")?;
        ensure!(
            named.trim() == "crontab.stable.example.com/nightly",
            "{named}"
        );
        let image = cluster.field("crontab nightly", ".spec.image")?;
        ensure!(image == "busybox:1.28", "{image}");

        let explained = cluster.kubectl("explain crontab.spec.cronSpec")?;
        ensure!(explained.contains("When it runs."), "{explained}");
        let resources = cluster.kubectl("api-resources --api-group=stable.example.com")?;
        ensure!(resources.contains("stable.example.com/v1"), "{resources}");

        cluster.kubectl("scale ct nightly --replicas=3")?;
        let replicas = cluster.field("ct nightly", ".spec.replicas")?;
        ensure!(replicas == "3", "{replicas}");
        cluster.sh("EDITOR='sed -i s/busybox:1.28/busybox:1.36/' kubectl edit ct nightly")?;
        cluster.kubectl(
            r#"patch ct nightly --subresource=status --type=merge -p '{"status":{"replicas":2}}'"#,
        )?;
        cluster.apply(&cron_tab("nightly", "{cronSpec: '0 4 * * *'}"))?;
        let owned = cron_tab("nightly", "{image: 'busybox:1.36', replicas: 3}");
        cluster.sh(&format!(
            "kubectl apply --server-side --field-manager=owner -f - <<'END'\n{owned}\nEND"
        ))?;
        let row = cluster.kubectl("get ct nightly -o jsonpath='{.spec.cronSpec}|{.spec.image}|{.status.replicas}|{.metadata.generation}'")?;
        ensure!(row == "0 4 * * *|busybox:1.36|2|4", "{row}");
        Ok(())
    })
}

/// The definition with other rules for `spec`, of which a list is a part.
fn ruled(list: &str, rules: &str) -> String {
    let spec = "            required: [cronSpec]\n            properties:\n";
    let with_rules = format!(
        "            required: [cronSpec]\n            x-kubernetes-validations: {rules}\n            properties:\n              hosts: {list}\n"
    );
    DEFINITION.replace(spec, &with_rules)
}

#[test]
fn rules_that_cost_too_much_are_refused() -> Result<()> {
    on_a_cluster(|cluster| {
        let pairs = "[{rule: '!has(self.hosts) || self.hosts.all(a, self.hosts.all(b, a + b != self.cronSpec))'}]";
        let hosts = "{type: array, items: {type: string}}";
        let refused = cluster.refused_with("kubectl apply -f -", &ruled(hosts, pairs))?;
        let words = "spec.validation.openAPIV3Schema.properties[spec].x-kubernetes-validations[0].rule: Forbidden: \
                     estimated rule cost exceeds budget by factor of more than 100x (try simplifying the rule, or adding \
                     maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)";
        ensure!(refused.contains(words), "{refused}");

        // With bounds it is fine, and holds.
        let hosts = "{type: array, maxItems: 20, items: {type: string, maxLength: 60}}";
        cluster.apply(&ruled(hosts, pairs))?;
        cluster.kubectl(
            "wait --for=condition=established --timeout=60s crd/crontabs.stable.example.com",
        )?;
        cluster.apply(&cron_tab("some", "{cronSpec: '0 3 * * *', hosts: [a, b]}"))?;
        let broken = cron_tab("other", "{cronSpec: '0 3 * * *', hosts: ['0 3 ', '* * *']}");
        let refused = cluster.refused_with("kubectl apply -f -", &broken)?;
        let words = "spec: Invalid value: \"object\": failed rule: !has(self.hosts) ||";
        ensure!(refused.contains(words), "{refused}");

        // What a value makes of it is counted as well.
        let cheap = "[{rule: 'lists.range(500).all(a, a + self.replicas >= 0)'}]";
        let long = format!("{{cronSpec: '0 3 * * *', image: {}}}", "x".repeat(300_000));
        cluster.apply(&ruled(hosts, cheap))?;
        let words = "spec: Invalid value: \"object\": 'operation cancelled: actual cost limit exceeded': no further \
                     validation rules will be run due to call cost exceeds limit for rule: lists.range(500)";
        eventually("what costs too much ends", 30, || {
            let dry = "kubectl create --dry-run=server -f -";
            let refused = cluster.refused_with(dry, &cron_tab("dear", &long))?;
            ensure!(refused.contains(words), "{refused}");
            Ok(())
        })?;
        Ok(())
    })
}

#[test]
fn what_breaks_the_schema_is_refused() -> Result<()> {
    on_a_cluster(|cluster| {
        define(cluster)?;
        let cases = [
            (
                "{cronSpec: often}",
                r"spec.cronSpec in body should match '^(\S+\s){4}\S+$'",
            ),
            ("{}", "spec.cronSpec: Required value"),
            (
                "{cronSpec: '* * * * *', replicas: 11}",
                "spec.replicas: Invalid value: 11: spec.replicas in body should be less than or equal to 10",
            ),
            (
                "{cronSpec: '* * * * *', typo: 1}",
                r#"strict decoding error: unknown field "spec.typo""#,
            ),
        ];
        for (spec, words) in cases {
            let manifest = cron_tab("bad", spec);
            let said = cluster.refused(&format!("kubectl apply -f - <<'END'\n{manifest}\nEND"))?;
            ensure!(said.contains(words), "{said}\ndoes not say {words}");
        }
        Ok(())
    })
}

#[test]
fn what_goes_takes_its_resources_along() -> Result<()> {
    on_a_cluster(|cluster| {
        define(cluster)?;
        cluster.kubectl("create namespace team")?;
        let other = cron_tab("other", "{cronSpec: '* * * * *'}")
            .replace("metadata: {", "metadata: {namespace: team, ");
        cluster.apply(&other)?;
        cluster.kubectl("delete namespace team --timeout=120s")?;
        let left = cluster.kubectl("get ct -A -o name")?;
        ensure!(
            left.trim() == "crontab.stable.example.com/nightly",
            "{left}"
        );

        // What it owns goes with it.
        let uid = cluster.field("ct nightly", ".metadata.uid")?;
        cluster.apply(&format!(
            "
apiVersion: v1
kind: ConfigMap
metadata:
  name: owned
  ownerReferences:
  - {{apiVersion: stable.example.com/v1, kind: CronTab, name: nightly, uid: {uid}}}
"
        ))?;
        cluster.kubectl("delete crd crontabs.stable.example.com --timeout=120s")?;
        let gone = cluster.refused("kubectl get --raw /apis/stable.example.com/v1")?;
        ensure!(
            gone.contains("could not find the requested resource"),
            "{gone}"
        );
        eventually("what the resource owned to go", 60, || {
            let left = cluster.kubectl("get configmap owned --ignore-not-found -o name")?;
            ensure!(left.trim().is_empty(), "{left}");
            Ok(())
        })?;
        define(cluster)?;
        let names = cluster.kubectl("get ct -A -o name")?;
        ensure!(
            names.trim() == "crontab.stable.example.com/nightly",
            "{names}"
        );
        Ok(())
    })
}
