//! Server-side apply and who owns which field, through kubectl.

use anyhow::{Result, ensure};
use skiff_e2e::{Case, Terminal, on_a_cluster, walk_through, walk_through_with_every_kubectl};

const CASES: &[Case] = &[
    ("apply-on-the-server", apply_on_the_server),
    ("from-client-side", from_client_side_to_server_side_apply),
];

#[test]
fn server_side_apply() -> Result<()> {
    on_a_cluster(|cluster| walk_through(cluster, CASES))
}

#[test]
#[ignore = "long: every kubectl that is found"]
fn server_side_apply_with_every_version() -> Result<()> {
    on_a_cluster(|cluster| walk_through_with_every_kubectl(cluster, CASES))
}

const WEB: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 0
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{name: c, image: 'busybox:1.28', args: [sleep, '3600']}]
";

/// `manager operation subresource`, an entry each.
fn owners(terminal: &Terminal, what: &str) -> Result<Vec<String>> {
    let entry =
        r#"{range .metadata.managedFields[*]}{.manager} {.operation} {.subresource}{"\n"}{end}"#;
    let listed = terminal.kubectl(&format!("get {what} -o 'jsonpath={entry}'"))?;
    Ok(listed.lines().map(|line| line.trim().to_owned()).collect())
}

fn apply_on_the_server(terminal: &Terminal) -> Result<()> {
    let said = terminal.sh_with("kubectl apply --server-side -f -", WEB)?;
    ensure!(
        said.contains("deployment.apps/web serverside-applied"),
        "{said}"
    );
    ensure!(owners(terminal, "deployment web")?.contains(&"kubectl Apply".to_owned()));

    // What others changed is theirs, until they are overruled.
    terminal.kubectl("scale deployment web --replicas=1")?;
    terminal.kubectl("label deployment web tier=front")?;
    let found = owners(terminal, "deployment web")?;
    for owner in [
        "kubectl Update scale",
        "kubectl-label Update",
        "kube-controller-manager Update status",
    ] {
        ensure!(
            found.iter().any(|known| known == owner),
            "{owner} is not in {found:?}"
        );
    }
    let said = terminal.refused_with("kubectl apply --server-side -f -", WEB)?;
    for words in [
        "Apply failed with 1 conflict: conflict with \"kubectl\" with subresource \"scale\" using apps/v1: .spec.replicas",
        "Please review the fields above",
    ] {
        ensure!(said.contains(words), "without {words:?}:\n{said}");
    }
    let said = terminal.sh_with(
        "kubectl diff --server-side --force-conflicts -f - || test $? = 1",
        WEB,
    )?;
    ensure!(
        said.contains("-  replicas: 1") && said.contains("+  replicas: 0"),
        "{said}"
    );
    terminal.sh_with("kubectl apply --server-side --force-conflicts -f -", WEB)?;
    ensure!(terminal.field("deployment web", ".spec.replicas")? == "0");

    // The same again changes nothing; what is left out goes, and what is another's stays.
    let unlabelled = WEB.replace(", labels: {app: web}}\nspec", "}\nspec");
    terminal.sh_with("kubectl apply --server-side -f -", &unlabelled)?;
    ensure!(terminal.field("deployment web", ".metadata.labels")? == r#"{"tier":"front"}"#);
    let said = terminal.sh_with("kubectl diff --server-side -f -", &unlabelled)?;
    ensure!(said.trim().is_empty(), "{said}");

    let hidden = terminal.kubectl("get deployment web -o yaml")?;
    ensure!(!hidden.contains("managedFields"), "{hidden}");
    let shown = terminal.kubectl("get deployment web -o yaml --show-managed-fields")?;
    ensure!(shown.contains("f:replicas: {}"), "{shown}");
    Ok(())
}

fn from_client_side_to_server_side_apply(terminal: &Terminal) -> Result<()> {
    terminal.apply(WEB)?;
    let last = terminal.kubectl("apply view-last-applied deployment web")?;
    ensure!(
        last.contains("replicas: 0") && last.contains("image: busybox:1.28"),
        "{last}"
    );
    ensure!(
        owners(terminal, "deployment web")?
            .contains(&"kubectl-client-side-apply Update".to_owned())
    );

    // Another manager has to ask; kubectl takes over from itself.
    let paused = WEB
        .replace("replicas: 0", "replicas: 0\n  paused: true")
        .replace("'3600'", "'7200'");
    let said = terminal.refused_with(
        "kubectl apply --server-side --field-manager=ci -f -",
        &paused,
    )?;
    let conflict = "conflict with \"kubectl-client-side-apply\" using apps/v1: .spec.template.spec.containers[name=\"c\"].args";
    ensure!(said.contains(conflict), "{said}");
    let said = terminal.sh_with("kubectl apply --server-side -f -", &paused)?;
    ensure!(said.contains("serverside-applied"), "{said}");
    let found = owners(terminal, "deployment web")?;
    ensure!(found.contains(&"kubectl Apply".to_owned()), "{found:?}");
    ensure!(
        !found.iter().any(|owner| owner.contains("client-side")),
        "{found:?}"
    );

    // What it applied from the client and leaves out now goes too.
    let unpaused = paused
        .replace("\n  paused: true", "")
        .replace(", labels: {app: web}}\nspec", "}\nspec");
    terminal.sh_with("kubectl apply --server-side -f -", &unpaused)?;
    ensure!(terminal.field("deployment web", ".spec.paused")?.is_empty());
    ensure!(
        terminal
            .field("deployment web", ".metadata.labels")?
            .is_empty()
    );
    let last = terminal.kubectl("apply view-last-applied deployment web")?;
    ensure!(!last.contains("paused"), "{last}");
    Ok(())
}
