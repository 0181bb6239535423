//! What a user looks at with `kubectl`: get in its forms, watches, raw paths, completion, events.

use std::fs;

use anyhow::{Result, ensure};
use skiff_e2e::{
    Case, Terminal, eventually, on_a_cluster, walk_through, walk_through_with_every_kubectl,
};

const CASES: &[Case] = &[
    ("selectors", selectors_choose),
    ("outputs", outputs_show),
    ("lists", lists_come_whole),
    ("watch", changes_are_watched),
    ("raw", raw_paths_answer),
    ("completion", names_are_completed),
    ("commands", no_command_is_left_out),
    ("events", events_are_told),
];

#[test]
fn kubectl_reads() -> Result<()> {
    on_a_cluster(|cluster| walk_through(cluster, CASES))
}

#[test]
#[ignore = "long: every kubectl that is found"]
fn kubectl_reads_with_every_version() -> Result<()> {
    on_a_cluster(|cluster| walk_through_with_every_kubectl(cluster, CASES))
}

/// Three ConfigMaps, whose ranks are not in the order of their names.
fn three_maps(terminal: &Terminal) -> Result<()> {
    let map = |name: &str, rank: u8, tier: &str| {
        format!(
            "---\n{{apiVersion: v1, kind: ConfigMap, metadata: {{name: {name}, labels: {{tier: {tier}}}}}, data: {{rank: '{rank}'}}}}\n"
        )
    };
    let maps = map("one", 3, "front") + &map("two", 1, "front") + &map("three", 2, "back");
    terminal.apply(&maps)?;
    Ok(())
}

fn selectors_choose(terminal: &Terminal) -> Result<()> {
    three_maps(terminal)?;
    for (arguments, expected) in [
        ("-l tier=front", "one two"),
        ("-l 'tier notin (front),tier'", "three"),
        ("--field-selector metadata.name!=one -l tier", "three two"),
        ("-l tier=none", ""),
    ] {
        let names = terminal.names(&format!("configmaps {arguments}"))?;
        ensure!(names.join(" ") == expected, "{arguments} finds {names:?}");
    }
    terminal.complains(&[
        (
            "get configmaps --field-selector data.rank=1",
            "field label not supported: data.rank",
        ),
        ("get configmaps -l '=x'", "found '='"),
        (
            "get configmap one -l tier=front",
            "name cannot be provided when a selector is specified",
        ),
        (
            "get configmap four",
            "Error from server (NotFound): configmaps \"four\" not found",
        ),
        (
            "get boats",
            "the server doesn't have a resource type \"boats\"",
        ),
    ])?;
    terminal.says(&[
        ("get configmap four --ignore-not-found", ""),
        ("get configmap one --show-labels", "tier=front"),
        ("get configmaps -L tier", "TIER"),
        ("get pods", "No resources found in selectors"),
        ("get configmap/one serviceaccount/default", "configmap/one"),
        ("get cm one --show-kind --no-headers", "configmap/one"),
    ])
}

fn outputs_show(terminal: &Terminal) -> Result<()> {
    three_maps(terminal)?;
    let shown = |output: &str| terminal.kubectl(&format!("get configmaps -l tier {output}"));
    for (output, expected) in [
        ("-o name", "configmap/one\nconfigmap/three\nconfigmap/two\n"),
        (
            "-o name --sort-by=.data.rank",
            "configmap/two\nconfigmap/three\nconfigmap/one\n",
        ),
        (
            "-o custom-columns=NAME:.metadata.name,RANK:.data.rank --sort-by='{.data.rank}'",
            "NAME    RANK\ntwo     1\nthree   2\none     3\n",
        ),
        ("-o jsonpath='{.items[*].data.rank}'", "3 2 1"),
        (
            "-o jsonpath='{range .items[?(@.data.rank>\"1\")]}{.metadata.name}{\"\\n\"}{end}'",
            "one\nthree\n",
        ),
        (
            "-o go-template='{{range .items}}{{.data.rank}}{{end}}'",
            "321",
        ),
        (
            "-o jsonpath-as-json='{.items[0].data}'",
            "[\n    {\n        \"rank\": \"3\"\n    }\n]\n",
        ),
    ] {
        let found = shown(output)?;
        ensure!(found == expected, "{output} shows {found:?}");
    }
    let yaml = terminal.kubectl("get configmap one -o yaml")?;
    ensure!(
        yaml.contains("apiVersion: v1\ndata:\n  rank: \"3\"\nkind: ConfigMap\n"),
        "{yaml}"
    );
    ensure!(!yaml.contains("managedFields"), "{yaml}");
    let list = terminal.kubectl("get configmaps,serviceaccounts -o json")?;
    ensure!(
        list.contains("\"kind\": \"List\"") && list.contains("\"kind\": \"ServiceAccount\""),
        "{list}"
    );
    Ok(())
}

fn lists_come_whole(terminal: &Terminal) -> Result<()> {
    three_maps(terminal)?;
    let whole = terminal.names("configmaps")?;
    for pages in ["--chunk-size=1", "--chunk-size=2", "--chunk-size=0"] {
        let paged = terminal.names(&format!("configmaps {pages}"))?;
        ensure!(paged == whole, "{pages}: {paged:?}");
    }
    terminal.says(&[
        ("get configmaps -A --chunk-size=1", "kube-root-ca.crt"),
        ("get namespaces,nodes", "namespace/kube-system"),
        ("get all -n default", "service/kubernetes"),
    ])?;
    terminal.kubectl("create deployment web --image=nginx:1.19 --replicas=0")?;
    let scale = terminal.kubectl("get deployment web --subresource=scale")?;
    ensure!(
        scale.contains("DESIRED") && scale.contains("AVAILABLE"),
        "{scale}"
    );
    terminal.says(&[
        ("get deployment web --subresource=status", "READY"),
        ("get deployments.v1.apps/web", "web"),
        ("get all", "deployment.apps/web"),
    ])
}

/// Watches in several forms, and what each says of an object that comes, changes and goes.
const WATCHES: &[(&str, &str)] = &[
    ("", "late 0 late 0"),
    (
        "--output-watch-events",
        "ADDED late 0 MODIFIED late 0 DELETED late 0",
    ),
    ("-o name", "configmap/late configmap/late"),
    (
        "--output-watch-events -o jsonpath='{.type} {.object.metadata.name}{\"\\n\"}'",
        "ADDED late MODIFIED late DELETED late",
    ),
    (
        "-o custom-columns=NAME:.metadata.name,TIER:.metadata.labels.tier --no-headers",
        "late <none> late front",
    ),
    ("-l tier=front --output-watch-events", "ADDED late"),
];

fn changes_are_watched(terminal: &Terminal) -> Result<()> {
    terminal.kubectl("create configmap early")?;
    terminal.kubectl("label configmap early tier=front")?;
    let log = |at: usize| terminal.home().join(format!("watch-{at}"));
    // Without the ages of what is looked at on a busy machine.
    let told_of = |name: &str, at: usize| {
        let told = fs::read_to_string(log(at))?;
        let lines = told.lines().filter(|line| line.contains(name));
        let words = lines.flat_map(str::split_whitespace);
        let is_age = |word: &&str| word.ends_with('s') && word.starts_with(char::is_numeric);
        anyhow::Ok(
            words
                .filter(|word| !is_age(word))
                .collect::<Vec<_>>()
                .join(" "),
        )
    };
    let mut watches = Vec::new();
    for (at, (flags, _)) in WATCHES.iter().enumerate() {
        watches.push(terminal.start(&format!("kubectl get configmaps -w {flags}"), &log(at))?);
    }
    for at in 0..WATCHES.len() {
        eventually("what is there already", 60, || {
            ensure!(!told_of("early", at)?.is_empty(), "nothing yet");
            Ok(())
        })?;
    }
    terminal.kubectl("create configmap late")?;
    terminal.kubectl("label configmap late tier=front")?;
    terminal.kubectl("delete configmap late")?;
    for (at, (flags, expected)) in WATCHES.iter().enumerate() {
        eventually("all changes to be told", 60, || {
            let told = told_of("late", at)?;
            ensure!(told.starts_with(expected), "{flags}: {told}");
            Ok(())
        })?;
    }
    for mut watch in watches {
        watch.kill()?;
        watch.wait()?;
    }
    Ok(())
}

fn raw_paths_answer(terminal: &Terminal) -> Result<()> {
    three_maps(terminal)?;
    let maps = format!(
        "/api/v1/namespaces/{}/configmaps",
        terminal.default_namespace()?
    );
    terminal.says(&[
        ("get --raw /version", "\"gitVersion\": \"v1.36"),
        ("get --raw '/readyz?verbose'", "[+]ping ok"),
        ("get --raw /apis/apps/v1", "\"name\":\"deployments/scale\""),
        (&format!("get --raw {maps}/one"), "\"rank\":\"3\""),
        (
            &format!("delete --raw {maps}/two"),
            "\"status\":\"Success\"",
        ),
        ("get --raw /openapi/v3", "\"apis/apps/v1\""),
        ("cluster-info", "Kubernetes control plane"),
        ("version -o yaml", "serverVersion:"),
        ("version", "v1.36.0"),
    ])?;
    terminal.complains(&[
        (
            &format!("get --raw {maps}/two"),
            "configmaps \"two\" not found",
        ),
        (
            "get --raw /nowhere",
            "the server could not find the requested resource",
        ),
    ])
}

fn names_are_completed(terminal: &Terminal) -> Result<()> {
    three_maps(terminal)?;
    terminal.says(&[
        ("__complete get configmap t", "three\ntwo\n"),
        ("__complete get deploym", "deployments.apps"),
        ("__complete describe configmaps/o", "configmaps/one"),
        ("__complete get configmaps -n kube-s", "kube-system"),
        ("completion bash", "__start_kubectl"),
    ])
}

/// Where commands are walked through with every `kubectl`.
const WALKTHROUGHS: &[&str] = &[
    include_str!("apply.rs"),
    include_str!("kubectl_admin.rs"),
    include_str!("kubectl_creating.rs"),
    include_str!("kubectl_kinds.rs"),
    include_str!("kubectl_reading.rs"),
    include_str!("kubectl_workloads.rs"),
    include_str!("kubectl_writing.rs"),
    include_str!("streams.rs"),
];

fn no_command_is_left_out(terminal: &Terminal) -> Result<()> {
    // Plugins are programs of others.
    let without = ["plugin"];
    for group in [
        "",
        "apply ",
        "auth ",
        "certificate ",
        "cluster-info ",
        "config ",
        "create ",
        "create secret ",
        "create service ",
        "rollout ",
        "set ",
        "top ",
    ] {
        let told = terminal.kubectl(&format!("__complete {group}''"))?;
        let commands = told.lines().take_while(|line| !line.starts_with(':'));
        for command in commands.filter_map(|line| line.split_whitespace().next()) {
            let line = format!("{group}{command}");
            let is_typed = |text: &&str| {
                text.contains(&format!("\"{line}")) || text.contains(&format!("kubectl {line}"))
            };
            ensure!(
                without.contains(&command) || WALKTHROUGHS.iter().any(is_typed),
                "nobody types `kubectl {line}`"
            );
        }
    }
    Ok(())
}

fn events_are_told(terminal: &Terminal) -> Result<()> {
    terminal.kubectl("create deployment web --image=nginx:1.19 --replicas=0")?;
    terminal.kubectl("scale deployment web --replicas=1")?;
    eventually("the events of the Deployment", 60, || {
        let events = terminal.kubectl("events --for deployment/web")?;
        ensure!(
            events.contains("ScalingReplicaSet") && events.contains("Deployment/web"),
            "{events}"
        );
        Ok(())
    })?;
    terminal.kubectl("scale deployment web --replicas=0")?;
    terminal.says(&[
        (
            "events --types=Warning --for deployment/web",
            "No events found",
        ),
        ("events -o json", "\"reason\": \"ScalingReplicaSet\""),
        (
            "get events --field-selector reason=ScalingReplicaSet",
            "deployment/web",
        ),
        ("get events -o wide", "SUBOBJECT"),
        ("get events --sort-by=.lastTimestamp", "LAST SEEN"),
    ])
}
