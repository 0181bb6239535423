//! The everyday flows of programs, as users of kube-rs and of the Python and JavaScript clients write them.
//!
//! A flow is one program for each library, in `e2e/clients`; all say the same.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::Child;

use anyhow::{Context, Result, ensure};
use skiff_e2e::{ClientLibrary, Cluster, Terminal, eventually, on_a_cluster};

/// A program that runs, and what it has said.
struct Running {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Running {
    /// Starts the program of a flow with these arguments; its complaints go to a file of their own.
    fn start(
        terminal: &Terminal,
        library: ClientLibrary,
        flow: &str,
        arguments: &str,
    ) -> Result<Self> {
        let name = format!("{library}-{flow}-{arguments}");
        let name = name.trim_end_matches('-').to_owned();
        let log = terminal.home().join(&name);
        let program = library.line(terminal, flow)?;
        let line = format!("exec {program} {arguments} 2> {}.complaints", log.display());
        let child = terminal.start_with_input(&line, &log)?;
        Ok(Self { name, child, log })
    }

    /// Types a line into it.
    fn tell(&mut self, line: &str) -> Result<()> {
        let input = self.child.stdin.as_mut().context("an input")?;
        Ok(writeln!(input, "{line}")?)
    }

    /// Waits until it has said these lines, and nothing else.
    fn says(&self, lines: &str) -> Result<()> {
        eventually(&format!("{} to say its lines", self.name), 120, || {
            let said = fs::read_to_string(&self.log)?;
            let complaints = fs::read_to_string(self.log.with_extension("complaints"))?;
            ensure!(
                said == lines,
                "it says\n{said}\nand not\n{lines}\n{complaints}"
            );
            Ok(())
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a flow with each library, side by side in namespaces of their own; each must say this.
fn each_says(cluster: &Cluster, flow: &str, expected: &str) -> Result<()> {
    let mut programs = Vec::new();
    for library in ClientLibrary::ALL {
        let terminal = cluster.in_namespace(&library.to_string())?;
        programs.push(Running::start(&terminal, library, flow, "")?);
    }
    let expected = expected.trim_start();
    programs
        .iter()
        .try_for_each(|program| program.says(expected))
}

#[test]
fn programs_change_objects() -> Result<()> {
    on_a_cluster(|cluster| {
        each_says(
            cluster,
            "objects",
            "
version 1.36
created: blue
again: AlreadyExists
merge patch: green
JSON patch: 3
strategic merge patch: web objects
stale: Conflict
replaced: colour
tried: pink read: black
applied by robot
applied by human: Conflict
forced: white sweet
left: colour
pages: 2 2 1
selected: item-1 item-3
by its field: item-2
deleted: NotFound
left: 0
token of: robot
secrets: Forbidden
event: Normal Oiled It runs smoothly
",
        )
    })
}

#[test]
fn programs_make_kinds_of_their_own() -> Result<()> {
    on_a_cluster(|cluster| {
        each_says(
            cluster,
            "custom_resources",
            "
defined: Widget
refused: FieldValueNotSupported spec.colour
created: 1 replicas, generation 1
status: Turning generation 1
scaled: 3 of 1
listed: gear WidgetList
generation: 2
discovered: widgets scale status
applied: blue 3
watched: DELETED gear
",
        )
    })
}

#[test]
fn programs_work_with_pods() -> Result<()> {
    on_a_cluster(|cluster| {
        each_says(
            cluster,
            "pods",
            "
ready: talker
exec: hello
stdout: typed
stderr: no
exit code: 7
followed: begin
followed: you said hi
log: you said hi
forwarded: talker
evicted: talker
ready replicas: 1
scale: 2 app=web
ready replicas: 2
",
        )
    })
}

#[test]
fn programs_run_in_pods() -> Result<()> {
    on_a_cluster(|cluster| {
        for library in ClientLibrary::ALL {
            let terminal = cluster.in_namespace(&library.to_string())?;
            let (mut mounts, mut volumes) = (String::new(), String::new());
            for (number, folder) in library.folders(&terminal)?.iter().enumerate() {
                let folder = folder.display();
                mounts += &format!("{{name: v{number}, mountPath: {folder}, readOnly: true}}, ");
                volumes += &format!("{{name: v{number}, hostPath: {{path: {folder}}}}}, ");
            }
            let line = library.line(&terminal, "in_cluster")?;
            terminal.kubectl("create role looker --verb=list --resource=pods")?;
            terminal.kubectl("create serviceaccount looker")?;
            let subject = format!("--serviceaccount={library}:looker");
            terminal.kubectl(&format!(
                "create rolebinding looker --role=looker {subject}"
            ))?;
            terminal.apply(&format!(
                "
apiVersion: v1
kind: Pod
metadata: {{name: inside}}
spec:
  serviceAccountName: looker
  restartPolicy: Never
  containers:
  - name: main
    image: busybox:1.28
    command: [sh, -c, exec {line}]
    volumeMounts: [{mounts}]
  volumes: [{volumes}]
"
            ))?;
        }
        for library in ClientLibrary::ALL {
            let succeeded = "--for=jsonpath={.status.phase}=Succeeded --timeout=120s";
            cluster.kubectl(&format!("wait -n {library} pod/inside {succeeded}"))?;
            let said = cluster.kubectl(&format!("logs -n {library} inside"))?;
            let expected = "as looker\npods: inside\nsecrets: Forbidden\n";
            ensure!(said == expected, "{library} says:\n{said}");
        }
        Ok(())
    })
}

#[test]
fn watchers_lose_no_change() -> Result<()> {
    on_a_cluster(|cluster| {
        let terminal = cluster.in_namespace("watched")?;
        let mut watchers = [
            Running::start(&terminal, ClientLibrary::KubeRs, "watching", "")?,
            Running::start(&terminal, ClientLibrary::KubeRs, "watching_streamed", "")?,
            Running::start(&terminal, ClientLibrary::Python, "watching", "")?,
            Running::start(&terminal, ClientLibrary::JavaScript, "watching", "")?,
        ];
        let add = |name: &str| {
            let metadata = format!("{{name: {name}, labels: {{watched: \"yes\"}}}}");
            terminal.apply(&format!(
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {metadata}"
            ))
        };
        let mut said = String::new();
        let mut all_say = |watchers: &[Running], lines: &str| -> Result<()> {
            said += lines;
            watchers.iter().try_for_each(|watcher| watcher.says(&said))
        };
        let tell_all = |watchers: &mut [Running], word: &str| -> Result<()> {
            let mut all = watchers.iter_mut();
            all.try_for_each(|watcher| watcher.tell(word))
        };
        add("a")?;
        all_say(&watchers, "added a\n")?;
        terminal.kubectl("label configmap a size=small")?;
        all_say(&watchers, "changed a\n")?;

        // They go on where they were.
        tell_all(&mut watchers, "stop")?;
        all_say(&watchers, "stopped\n")?;
        add("b")?;
        tell_all(&mut watchers, "start")?;
        all_say(&watchers, "started\nadded b\n")?;
        terminal.kubectl("delete configmap a")?;
        all_say(&watchers, "deleted a\n")?;

        // Where they were is forgotten: they are told so, and list again.
        tell_all(&mut watchers, "stop")?;
        all_say(&watchers, "stopped\n")?;
        let revision =
            terminal.kubectl("get configmap b -o 'jsonpath={.metadata.resourceVersion}'")?;
        terminal.kubectl("delete configmap b")?;
        add("c")?;
        terminal.sh(&ClientLibrary::KubeRs.line(&terminal, "forgetting")?)?;
        let path = "/api/v1/namespaces/watched/configmaps?watch=true&timeoutSeconds=1";
        let event = terminal.kubectl(&format!("get --raw '{path}&resourceVersion={revision}'"))?;
        ensure!(event.contains("\"code\":410"), "{event}");
        tell_all(&mut watchers, "start")?;
        all_say(&watchers, "started\ndeleted b\nadded c\n")?;
        for watcher in &mut watchers {
            watcher.child.stdin = None;
        }
        all_say(&watchers, "knows c\n")
    })
}

#[test]
fn a_candidate_takes_over_the_leadership() -> Result<()> {
    on_a_cluster(|cluster| {
        let mut elections = Vec::new();
        for library in ClientLibrary::ALL {
            let terminal = cluster.in_namespace(&library.to_string())?;
            let first = Running::start(&terminal, library, "leading", "first")?;
            elections.push((terminal, library, first));
        }
        let mut seconds = Vec::new();
        for (terminal, library, first) in &elections {
            first.says("first stands\nfirst leads\n")?;
            seconds.push(Running::start(terminal, *library, "leading", "second")?);
        }
        for ((terminal, library, first), second) in elections.into_iter().zip(&seconds) {
            drop(first);
            second.says("second stands\nsecond leads\n")?;
            let (lock, holder) = match library {
                // Its elections are older than Leases.
                ClientLibrary::Python => ("configmap", ".metadata.annotations"),
                ClientLibrary::KubeRs | ClientLibrary::JavaScript => ("lease", ".spec"),
            };
            let holder = terminal.field(&format!("{lock} captain"), holder)?;
            ensure!(holder.contains("second"), "{holder}");
        }
        Ok(())
    })
}
