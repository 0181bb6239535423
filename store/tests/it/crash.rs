//! A writer that is killed in the middle of its work, again and again, loses nothing it acknowledged.

use std::{
    env,
    fs::File,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// An example of this crate, which `cargo test` builds beside the tests.
fn example(name: &str) -> PathBuf {
    let test = env::current_exe().unwrap();
    let path = test.ancestors().nth(2).unwrap().join("examples").join(name);
    assert!(
        path.exists(),
        "{path:?} is not built; run all of the crate's tests"
    );
    path
}

/// Lets a writer acknowledge this many commits, then kills it and returns all that it printed.
fn write_and_kill(dir: &Path, commits: usize) -> String {
    let mut writer: Child = Command::new(example("power_cut_writer"))
        .arg(dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(writer.stdout.take().unwrap());
    let mut printed = String::new();
    for _ in 0..commits {
        assert!(
            output.read_line(&mut printed).unwrap() > 0,
            "the writer ended"
        );
    }
    writer.kill().unwrap();
    // Some more lines were on their way; they were acknowledged all the same.
    while output.read_line(&mut printed).unwrap() > 0 {}
    writer.wait().unwrap();
    printed
}

fn verify(dir: &Path, acked: &Path) -> std::process::Output {
    Command::new(example("power_cut_verify"))
        .arg(dir)
        .stdin(File::open(acked).unwrap())
        .output()
        .unwrap()
}

#[test]
fn a_killed_writer_has_lost_nothing() {
    let temp = tempfile::tempdir().unwrap();
    let (dir, lines) = (temp.path().join("data"), temp.path().join("acked"));
    let mut acked = File::create(&lines).unwrap();
    for commits in [1, 40, 7, 300, 120] {
        let printed = write_and_kill(&dir, commits);
        acked.write_all(printed.as_bytes()).unwrap();
        let verdict = verify(&dir, &lines);
        let report = String::from_utf8_lossy(&verdict.stdout);
        assert!(
            verdict.status.success(),
            "after {commits} commits: {report}"
        );
    }
    // The verifier would notice: a commit that never was is reported as lost.
    acked.write_all(b"acked /power/0/0 999999999 1\n").unwrap();
    let verdict = verify(&dir, &lines);
    let report = String::from_utf8_lossy(&verdict.stdout);
    assert!(!verdict.status.success() && report.contains("lost /power/0/0"));
}
