use std::time::Duration;

use skiff_kubelet::{ExecRequest, ExecSession, Runtime, TerminalSize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::support::{Node, Pod, in_namespaces, until};

fn words(argv: &[&str]) -> Vec<String> {
    argv.iter().map(|word| (*word).to_owned()).collect()
}

fn all_streams(argv: &[&str]) -> ExecRequest {
    ExecRequest {
        argv: words(argv),
        tty: false,
        stdin: true,
        stdout: true,
        stderr: true,
    }
}

/// What a session says until it ends.
async fn finish(session: ExecSession) -> (i32, String, String) {
    let (mut out, mut err) = (String::new(), String::new());
    let all = async {
        let reading_out = async {
            if let Some(mut stdout) = session.stdout {
                stdout.read_to_string(&mut out).await.unwrap();
            }
        };
        let reading_err = async {
            if let Some(mut stderr) = session.stderr {
                stderr.read_to_string(&mut err).await.unwrap();
            }
        };
        let (code, (), ()) = tokio::join!(session.exit, reading_out, reading_err);
        code.unwrap()
    };
    let code = timeout(Duration::from_secs(20), all).await;
    (code.expect("the command ends"), out, err)
}

#[test]
fn commands_run_in_containers() {
    in_namespaces(|| async {
        let node = Node::start().await;
        let runtime = &node.runtime;
        let pod = Pod::run(&node, "host").await;
        let id = pod.start(&node, "main", &["sleep", "1000"]).await;

        // Streams are kept apart, and the exit code arrives.
        let script = "echo out; echo err >&2; exit 5";
        let request = all_streams(&["sh", "-c", script]);
        let session = runtime.exec(&id, request).await.unwrap();
        let (code, out, err) = finish(session).await;
        assert_eq!((code, out.as_str(), err.as_str()), (5, "out\n", "err\n"));

        // Every byte of the input comes through, and so does its end: many times, for it is a matter of races.
        for round in 0..20 {
            let bytes = round * 20_000;
            let request = all_streams(&["wc", "-c"]);
            let mut session = runtime.exec(&id, request).await.unwrap();
            let mut stdin = session.stdin.take().unwrap();
            let feeding = async {
                stdin.write_all(&vec![b'x'; bytes]).await.unwrap();
                stdin.shutdown().await.unwrap();
            };
            let ((code, out, _), ()) = tokio::join!(finish(session), feeding);
            assert_eq!((code, out.trim()), (0, bytes.to_string().as_str()));
        }

        // Large output is not cut.
        let script = "head -c 1000000 /dev/zero | tr '\\0' y";
        let session = runtime.exec(&id, all_streams(&["sh", "-c", script])).await;
        let (code, out, _) = finish(session.unwrap()).await;
        assert_eq!((code, out.len()), (0, 1_000_000));

        // Streams that are not asked for are not there, and the command does not notice.
        for (stdin, stdout, stderr) in [
            (false, true, false),
            (false, false, true),
            (true, false, false),
            (false, false, false),
        ] {
            let request = ExecRequest {
                stdin,
                stdout,
                stderr,
                ..all_streams(&["sh", "-c", "echo out; echo err >&2; exit 6"])
            };
            let session = runtime.exec(&id, request).await.unwrap();
            assert_eq!(session.stdin.is_some(), stdin);
            let (code, out, err) = finish(session).await;
            assert_eq!(code, 6);
            assert_eq!(
                (out.as_str(), err.as_str()),
                (
                    if stdout { "out\n" } else { "" },
                    if stderr { "err\n" } else { "" }
                )
            );
        }

        // A command that is not there is an error in the words that users know.
        let error = runtime.exec(&id, all_streams(&["nothing-here"])).await;
        let error = error.unwrap_err().to_string();
        assert!(
            error.contains("executable file not found in $PATH"),
            "{error}"
        );
        node.end().await;
    });
}

#[test]
fn a_child_that_keeps_the_output_open_does_not_hold_a_session() {
    in_namespaces(|| async {
        let node = Node::start().await;
        let pod = Pod::run(&node, "host").await;
        let id = pod.start(&node, "main", &["sleep", "1000"]).await;
        let request = all_streams(&["sh", "-c", "sleep 600 & echo started"]);
        let session = node.runtime.exec(&id, request).await.unwrap();
        let (code, out, _) = finish(session).await;
        assert_eq!((code, out.as_str()), (0, "started\n"));
        node.end().await;
    });
}

#[test]
fn a_terminal_has_the_clients_size() {
    in_namespaces(|| async {
        let node = Node::start().await;
        let pod = Pod::run(&node, "host").await;
        let id = pod.start(&node, "main", &["sleep", "1000"]).await;
        let request = ExecRequest {
            argv: words(&["sh"]),
            tty: true,
            stdin: true,
            stdout: true,
            stderr: true,
        };
        let mut session = node.runtime.exec(&id, request).await.unwrap();
        assert!(session.stderr.is_none(), "a terminal has one output");
        let size = TerminalSize {
            width: 132,
            height: 43,
        };
        session.resize.send(size).await.unwrap();
        let mut stdin = session.stdin.take().unwrap();
        let script =
            b"until [ \"$(stty size)\" = '43 132' ]; do sleep 0.1; done; echo $TERM; exit 4\n";
        stdin.write_all(script).await.unwrap();
        let (code, out, _) = finish(session).await;
        assert_eq!(code, 4);
        assert!(out.contains("\nxterm\r\n"), "{out}");
        node.end().await;
    });
}

#[test]
fn a_session_that_is_dropped_kills_its_command() {
    in_namespaces(|| async {
        let node = Node::start().await;
        let pod = Pod::run(&node, "host").await;
        let id = pod.start(&node, "main", &["sleep", "1000"]).await;
        let running = || async {
            let argv = words(&["sh", "-c", "ps | grep -c '[s]leep 777'"]);
            let listed = node.runtime.exec_sync(&id, argv, Duration::from_secs(5));
            listed.await.unwrap().stdout != b"0\n"
        };
        let request = all_streams(&["sleep", "777"]);
        let session = node.runtime.exec(&id, request).await.unwrap();
        until("the command runs", &running).await;
        drop(session);
        until("the command is gone", || async { !running().await }).await;
        until("its FIFOs are gone", || async {
            let mut left = std::fs::read_dir(node.data_dir().join("exec")).unwrap();
            left.next().is_none()
        })
        .await;
        node.end().await;
    });
}

#[test]
fn probes_get_exit_code_and_output_and_are_limited() {
    in_namespaces(|| async {
        let node = Node::start().await;
        let pod = Pod::run(&node, "host").await;
        let id = pod.start(&node, "main", &["sleep", "1000"]).await;
        let run = |script: &str| {
            let argv = words(&["sh", "-c", script]);
            node.runtime.exec_sync(&id, argv, Duration::from_secs(1))
        };
        let output = run("echo no; exit 2").await.unwrap();
        assert_eq!((output.exit_code, output.stdout), (2, b"no\n".to_vec()));
        let output = run("head -c 100000 /dev/zero").await.unwrap();
        assert_eq!(output.stdout.len(), 16 * 1024);
        let error = run("sleep 100").await.unwrap_err();
        assert!(error.is_timeout(), "{error}");
        node.end().await;
    });
}
