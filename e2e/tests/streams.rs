//! Streams between kubectl and containers: scenario A3.

use std::fs;
use std::io::Write;
use std::process::Child;

use anyhow::{Context, Result, ensure};
use skiff_e2e::{
    Case, Terminal, eventually, on_a_cluster, walk_through, walk_through_with_an_older_kubectl,
    walk_through_with_every_kubectl,
};

const ATTACH: Case = ("attach", attached);
const TERMINAL: Case = ("terminal", run_on_a_terminal);
const PORT_FORWARD: Case = ("port-forward", ports_are_forwarded);
const EXEC: Case = ("exec", executed);
const PROXY: Case = ("proxy", proxied);
const CP: Case = ("cp", copied);
const DEBUG: Case = ("debug", debugged);
const LOGS: Case = ("logs", logs_are_read);

#[test]
#[ignore = "long: every kubectl that is found"]
fn a3_streams_with_every_version() -> Result<()> {
    let cases = [ATTACH, TERMINAL, PORT_FORWARD, EXEC, PROXY, CP, DEBUG, LOGS];
    on_a_cluster(|cluster| walk_through_with_every_kubectl(cluster, &cases))
}

/// A Pod that answers what it is told, with a web server beside it.
const TALKER: &str = "
apiVersion: v1
kind: Pod
metadata: {name: talker, labels: {app: talker}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: main
    image: busybox:1.28
    stdin: true
    command: [sh, -c, 'echo begin; while read line; do echo \"you said $line\"; done; echo the end']
  - {name: nginx, image: 'nginx:1.19'}
---
apiVersion: v1
kind: Service
metadata: {name: talker}
spec:
  selector: {app: talker}
  ports: [{port: 8080, targetPort: 80}]
";

/// Starts a line that reads what the test writes; its output goes to the file `log` in the home folder.
fn converse(terminal: &Terminal, line: &str, log: &str) -> Result<Child> {
    terminal.start_with_input(line, &terminal.home().join(log))
}

fn says(terminal: &Terminal, log: &str, words: &str) -> Result<()> {
    let log = terminal.home().join(log);
    eventually(&format!("{words:?} to be said"), 60, || {
        let said = fs::read_to_string(&log)?;
        ensure!(said.contains(words), "{said:?}");
        Ok(())
    })
}

#[test]
fn a3_attach() -> Result<()> {
    on_a_cluster(|cluster| walk_through_with_an_older_kubectl(cluster, &[ATTACH]))
}

fn attached(terminal: &Terminal) -> Result<()> {
    terminal.apply(TALKER)?;
    terminal.kubectl("wait --for=condition=Ready pod/talker --timeout=120s")?;
    for turn in ["first", "second"] {
        let mut attached = converse(terminal, "kubectl attach -i talker -c main", turn)?;
        let mut input = attached.stdin.take().context("an input")?;
        writeln!(input, "hello from the {turn} one")?;
        says(
            terminal,
            turn,
            &format!("you said hello from the {turn} one"),
        )?;
        // The container keeps its input for the next client.
        drop(input);
        attached.wait()?;
    }
    let log = terminal.kubectl("logs talker -c main")?;
    let expected = "begin\nyou said hello from the first one\nyou said hello from the second one\n";
    ensure!(log == expected, "{log:?}");

    // Input that ends ends the container's, where it is there for one client alone.
    let said = terminal.output(
        "kubectl run once -i --rm --restart=Never --image=busybox:1.28 -- wc -c",
        "twelve bytes",
    )?;
    ensure!(said.success && said.stdout.contains("12\n"), "{said:?}");
    eventually("the Pod to be removed", 60, || {
        let left = terminal.names("pods -l run=once")?;
        ensure!(left.is_empty(), "{left:?}");
        Ok(())
    })
}

#[test]
fn a3_run_with_a_terminal() -> Result<()> {
    on_a_cluster(|cluster| walk_through(cluster, &[TERMINAL]))
}

fn run_on_a_terminal(terminal: &Terminal) -> Result<()> {
    let run = "run shell -it --rm --restart=Never --image=busybox:1.28 -- sh";
    let line = format!("script -qec 'stty cols 132 rows 43; kubectl {run}' /dev/null");
    let mut shell = converse(terminal, &line, "terminal")?;
    let mut input = shell.stdin.take().context("an input")?;
    // The prompt is no whole line: it comes all the same.
    says(terminal, "terminal", "# ")?;
    writeln!(
        input,
        "until [ \"$(stty size)\" = '43 132' ]; do sleep 0.1; done; echo a $((40+2))"
    )?;
    says(terminal, "terminal", "a 42")?;
    writeln!(input, "exit 7")?;
    shell.wait()?;
    says(terminal, "terminal", "pod \"shell\" deleted")
}

#[test]
fn a3_port_forward() -> Result<()> {
    on_a_cluster(|cluster| walk_through_with_an_older_kubectl(cluster, &[PORT_FORWARD]))
}

fn ports_are_forwarded(terminal: &Terminal) -> Result<()> {
    terminal.apply(TALKER)?;
    terminal.kubectl("wait --for=condition=Ready pod/talker --timeout=120s")?;
    for what in ["pod/talker :80", "service/talker :8080"] {
        let line = format!("kubectl port-forward {what}");
        let log = terminal.home().join("port-forward");
        let mut forwarding = terminal.start(&line, &log)?;
        let port = eventually("the local port", 60, || {
            let said = fs::read_to_string(&log)?;
            let rest = said.split_once("127.0.0.1:").context(said.clone())?.1;
            Ok(rest.split(' ').next().unwrap_or_default().to_owned())
        })?;
        for _ in 0..3 {
            let page = terminal.sh(&format!("curl -sS http://127.0.0.1:{port}/hostname.html"))?;
            ensure!(page.trim() == "talker", "{line}: {page}");
        }
        forwarding.kill()?;
        forwarding.wait()?;
    }
    let refused = terminal.refused("kubectl port-forward pod/nobody 9000:80")?;
    ensure!(refused.contains("\"nobody\" not found"), "{refused}");
    Ok(())
}

#[test]
fn a3_exec() -> Result<()> {
    on_a_cluster(|cluster| walk_through_with_an_older_kubectl(cluster, &[EXEC]))
}

fn executed(terminal: &Terminal) -> Result<()> {
    terminal.apply(TALKER)?;
    terminal.kubectl("wait --for=condition=Ready pod/talker --timeout=120s")?;
    let exec = "kubectl exec talker -c main";
    let said = terminal.output(&format!("{exec} -i -- cat"), "there and back")?;
    ensure!(said.stdout == "there and back", "{said:?}");
    let said = terminal.output(&format!("{exec} -- sh -c 'echo no >&2; exit 9'"), "")?;
    ensure!(!said.success, "{said:?}");
    let words = "no\ncommand terminated with exit code 9\n";
    ensure!(said.stderr == words, "{said:?}");
    Ok(())
}

#[test]
fn a3_proxy() -> Result<()> {
    on_a_cluster(|cluster| walk_through(cluster, &[PROXY]))
}

fn proxied(terminal: &Terminal) -> Result<()> {
    terminal.apply(TALKER)?;
    terminal.kubectl("wait --for=condition=Ready pod/talker --timeout=120s")?;
    let core = format!("/api/v1/namespaces/{}", terminal.default_namespace()?);
    for path in [
        format!("{core}/pods/talker:80/proxy/hostname.html"),
        format!("{core}/services/talker:8080/proxy/hostname.html"),
        format!("{core}/services/http:talker:/proxy/hostname.html"),
    ] {
        eventually("the page behind the proxy", 60, || {
            let page = terminal.kubectl(&format!("get --raw {path}"))?;
            ensure!(page.trim() == "talker", "{path}: {page}");
            Ok(())
        })?;
    }
    let node = terminal.names("nodes")?.concat();
    let healthz = format!("/api/v1/nodes/{node}/proxy/healthz");
    let healthy = terminal.kubectl(&format!("get --raw {healthz}"))?;
    ensure!(healthy == "ok", "{healthy}");

    let log = terminal.home().join("proxy");
    let mut proxy = terminal.start("kubectl proxy --port=0", &log)?;
    let address = eventually("kubectl proxy to listen", 60, || {
        let said = fs::read_to_string(&log)?;
        let address = said.split("Starting to serve on ").nth(1);
        Ok(address.context(said.clone())?.trim().to_owned())
    })?;
    let url = format!("http://{address}{core}/pods/talker:80/proxy/");
    let page = terminal.sh(&format!("curl -sS {url}"))?;
    ensure!(page.contains("Welcome to nginx!"), "{page}");
    proxy.kill()?;
    proxy.wait()?;

    let refused = terminal.refused(&format!(
        "kubectl get --raw {core}/services/talker:9/proxy/"
    ))?;
    ensure!(
        refused.contains("no endpoints available for service"),
        "{refused}"
    );
    Ok(())
}

#[test]
fn a3_cp() -> Result<()> {
    on_a_cluster(|cluster| walk_through_with_an_older_kubectl(cluster, &[CP]))
}

fn copied(terminal: &Terminal) -> Result<()> {
    terminal.apply(TALKER)?;
    terminal.kubectl("wait --for=condition=Ready pod/talker --timeout=120s")?;
    terminal.sh("mkdir -p there/below && echo one > there/a && head -c 3000000 /dev/urandom > there/below/b")?;
    terminal.kubectl("cp there talker:/tmp/there -c main")?;
    terminal.kubectl("cp talker:/tmp/there back -c main")?;
    terminal.sh("diff -r there back")?;
    terminal.kubectl("cp talker:/usr/share/nginx/html/index.html page -c nginx")?;
    let page = terminal.sh("cat page")?;
    ensure!(page.contains("Welcome to nginx!"), "{page}");
    Ok(())
}

#[test]
fn a3_debug() -> Result<()> {
    on_a_cluster(|cluster| walk_through(cluster, &[DEBUG]))
}

fn debugged(terminal: &Terminal) -> Result<()> {
    terminal.apply(TALKER)?;
    terminal.kubectl("wait --for=condition=Ready pod/talker --timeout=120s")?;
    let image = "--image=busybox:1.28";
    terminal.kubectl(&format!(
        "debug talker {image} -c look --target=nginx -- sh -c 'ps; wget -qO- http://localhost/hostname.html; sleep 600'"
    ))?;
    let running = r#".status.ephemeralContainerStatuses[?(@.name=="look")].state.running"#;
    eventually("the container that looks inside", 60, || {
        ensure!(
            !terminal.field("pod talker", running)?.is_empty(),
            "not yet"
        );
        let seen = terminal.kubectl("logs talker -c look")?;
        ensure!(seen.contains("nginx: master process"), "{seen}");
        ensure!(seen.ends_with("talker\n"), "{seen}");
        Ok(())
    })?;
    let name = terminal.kubectl("exec talker -c look -- hostname")?;
    ensure!(name == "talker\n", "{name}");
    let described = terminal.kubectl("describe pod talker")?;
    ensure!(
        described.contains("Ephemeral Containers:\n  look:"),
        "{described}"
    );
    let restarts = terminal.field("pod talker", ".status.containerStatuses[*].restartCount")?;
    ensure!(restarts == "0 0", "{restarts}");

    // On a terminal, as a person debugs.
    let line = format!("script -qec 'kubectl debug talker -it {image} -c again' /dev/null");
    let mut shell = converse(terminal, &line, "debug")?;
    let mut input = shell.stdin.take().context("an input")?;
    says(terminal, "debug", "# ")?;
    writeln!(input, "echo $((6*7)) here; exit")?;
    says(terminal, "debug", "42 here")?;
    shell.wait()?;

    // A copy, and the node itself.
    terminal.kubectl(&format!(
        "debug talker {image} --copy-to=copy -c look -- sleep 600"
    ))?;
    terminal.kubectl("wait --for=condition=Ready pod/copy --timeout=60s")?;
    let node = terminal.names("nodes")?.concat();
    terminal.kubectl(&format!(
        "debug node/{node} {image} -- sh -c 'ls /host; sleep 600'"
    ))?;
    eventually("the Pod that looks at the node", 60, || {
        let names = terminal.names("pods")?;
        let pod = names.iter().find(|name| name.starts_with("node-debugger-"));
        let seen = terminal.kubectl(&format!("logs {}", pod.context("no such Pod")?))?;
        ensure!(seen.contains("etc\n") && seen.contains("proc\n"), "{seen}");
        Ok(())
    })
}

#[test]
fn a3_logs() -> Result<()> {
    on_a_cluster(|cluster| walk_through(cluster, &[LOGS]))
}

fn logs_are_read(terminal: &Terminal) -> Result<()> {
    terminal.apply(
        "
apiVersion: v1
kind: Pod
metadata: {name: speaker}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: main
    image: busybox:1.28
    command: [sh, -c, 'echo run $(cat /count/n 2>/dev/null); echo x >> /count/n; for n in 1 2 3 4; do echo line $n; done; sleep 1; echo wrong >&2; sleep 2; [ $(wc -l < /count/n) -gt 1 ] && sleep 600']
    volumeMounts: [{name: count, mountPath: /count}]
  - {name: other, image: 'busybox:1.28', command: [sh, -c, 'echo from the other; sleep 600']}
  volumes: [{name: count, emptyDir: {}}]
",
    )?;
    let restarts = r#".status.containerStatuses[?(@.name=="main")].restartCount"#;
    terminal.field_becomes("pod speaker", restarts, "1", 120)?;
    terminal.kubectl("wait --for=condition=Ready pod/speaker --timeout=60s")?;
    let logs = |options: &str| terminal.kubectl(&format!("logs speaker {options}"));

    let now = eventually("the second run to have said all", 60, || {
        let now = logs("-c main")?;
        ensure!(now.starts_with("run x\nline 1\n"), "{now}");
        ensure!(now.ends_with("line 4\nwrong\n"), "{now}");
        Ok(now)
    })?;
    let before = logs("-c main --previous")?;
    ensure!(before.starts_with("run\nline 1\n"), "{before}");
    let tail = logs("-c main --tail=2")?;
    ensure!(tail == "line 4\nwrong\n", "{tail:?}");
    let stamped = logs("-c main --timestamps --tail=1")?;
    let (stamp, line) = stamped.split_once(' ').context("a timestamp")?;
    ensure!(
        line == "wrong\n" && stamp.ends_with('Z') && stamp.contains('T'),
        "{stamped}"
    );
    let since = logs("-c main --since=1h")?;
    ensure!(since == now, "{since}");
    // Times are of whole seconds there.
    let later = logs(&format!("-c main --since-time={stamp}"))?;
    ensure!(later.ends_with("wrong\n"), "{later:?}");
    let none = logs("-c main --since-time=2100-01-01T00:00:00Z")?;
    ensure!(none.is_empty(), "{none:?}");
    let all = logs("--all-containers --prefix --tail=1")?;
    ensure!(
        all.contains("[pod/speaker/other] from the other\n"),
        "{all}"
    );
    ensure!(all.contains("[pod/speaker/main] wrong\n"), "{all}");
    let few = logs("-c main --limit-bytes=5")?;
    ensure!(few == "run x", "{few:?}");

    let refused = terminal.refused("kubectl logs speaker -c nobody")?;
    ensure!(
        refused.contains("container nobody is not valid for pod speaker"),
        "{refused}"
    );
    let refused = terminal.refused("kubectl logs speaker -c other --previous")?;
    let words = "previous terminated container \"other\" in pod \"speaker\" not found";
    ensure!(refused.contains(words), "{refused}");
    Ok(())
}

#[test]
fn a3_logs_through_rotation() -> Result<()> {
    on_a_cluster(|cluster| {
        cluster.apply(
            "
apiVersion: v1
kind: Pod
metadata: {name: chatty}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: main
    image: busybox:1.28
    command: [sh, -c, 'head -c 11000000 /dev/zero | tr \"\\000\" x | fold -w 1000; echo; n=0; while true; do echo tick $n; n=$((n+1)); sleep 0.2; done']
",
        )?;
        cluster.kubectl("wait --for=condition=Ready pod/chatty --timeout=120s")?;
        let log = cluster.home().join("ticks");
        let mut following = cluster.start("kubectl logs -f chatty --tail=1", &log)?;
        let files = format!(
            "ls -l {}/logs/pods/default_chatty_*/main",
            cluster.data_dir().display()
        );
        eventually("the log to be put aside", 60, || {
            let files = cluster.sh(&files)?;
            ensure!(files.matches("0.log").count() > 1, "{files}");
            Ok(())
        })?;
        let ticks = || -> Result<Vec<u32>> {
            let said = fs::read_to_string(&log)?;
            let ticks = said.lines().filter_map(|line| line.strip_prefix("tick "));
            Ok(ticks.filter_map(|number| number.parse().ok()).collect())
        };
        let so_far = ticks()?.len();
        eventually("the log to be followed into the next file", 60, || {
            ensure!(ticks()?.len() > so_far + 10, "{} ticks", ticks()?.len());
            Ok(())
        })?;
        following.kill()?;
        following.wait()?;
        let seen = ticks()?;
        let is_next = |pair: &[u32]| pair[1] == pair[0] + 1;
        ensure!(seen.windows(2).all(is_next), "lines are missing: {seen:?}");
        Ok(())
    })
}
