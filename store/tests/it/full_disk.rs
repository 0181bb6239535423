//! A full disk: what cannot be written is refused, nothing acknowledged is lost, and there is no need to start anew.

use std::{env, fs, path::Path, process::Command};

/// What is done on a small file system that only this shell and its children see. `$1` is a folder for it, `$2` the
/// folder of the examples.
const ON_A_SMALL_DISK: &str = r#"
mount -t tmpfs -o size=64m small "$1" && cd "$1" || exit 9
head -c 24m /dev/zero > filler
"$2/power_cut_writer" store > acked 2> refused && exit 1
cat refused
df . | tail -1
"$2/power_cut_verify" store < acked || exit 2
rm filler
timeout -s KILL 2 "$2/power_cut_writer" store 4 >> acked
"$2/power_cut_verify" store < acked || exit 3
"#;

#[test]
fn a_full_disk_refuses_writes_and_loses_none() {
    let test = env::current_exe().unwrap();
    let examples = test.ancestors().nth(2).unwrap().join("examples");
    let dir = tempfile::tempdir().unwrap();
    // Without rights of its own a process may mount what only itself can see.
    let output = Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", ON_A_SMALL_DISK])
        .args([Path::new("sh"), dir.path(), &examples])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{errors}");
    assert!(said.contains("the disk is full"), "{said}");
    assert_eq!(
        fs::read_dir(dir.path()).unwrap().count(),
        0,
        "it is mounted still"
    );
}
