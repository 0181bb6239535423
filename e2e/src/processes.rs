//! Finding and ending what a node left: by network namespace and data directory, never by name.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::Result;
use nix::mount::{MntFlags, umount2};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::wait::soon;

/// The inode of a network namespace, which names it on this machine.
pub(crate) fn namespace_inode(path: &Path) -> Option<u64> {
    Some(fs::metadata(path).ok()?.ino())
}

/// Kills every process that lives in one of the network namespaces `inodes`, or, where a `dir` is given, whose
/// command line or working directory is below it, and waits until they are gone.
pub(crate) fn end_all(inodes: &[u64], dir: Option<&Path>) -> Result<()> {
    soon("the processes of the test to end", || {
        let left = belonging(inodes, dir);
        for pid in &left {
            // A process that ended meanwhile is as good as killed.
            let _ = kill(*pid, Signal::SIGKILL);
        }
        left.is_empty()
    })
}

/// Unmounts everything mounted at or below `dir`, innermost first.
pub(crate) fn unmount_below(dir: &Path) {
    for point in mounts_below(dir).iter().rev() {
        // Lazily: what still holds it open ends with its process.
        let _ = umount2(point, MntFlags::MNT_DETACH);
    }
}

/// The network namespaces that are mounted below `dir`: those of Pods.
pub(crate) fn namespaces_below(dir: &Path) -> Vec<u64> {
    let points = mounts_below(dir);
    points
        .iter()
        .filter_map(|point| namespace_inode(point))
        .collect()
}

/// Mount points at or below `dir`, outermost first.
fn mounts_below(dir: &Path) -> Vec<PathBuf> {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let mut points: Vec<PathBuf> = table
        .lines()
        .filter_map(|line| line.split(' ').nth(4))
        .map(|point| PathBuf::from(point.replace("\\040", " ")))
        .filter(|point| point.starts_with(dir))
        .collect();
    points.sort();
    points
}

/// The processes of this program with a path at or below `dir` among their arguments.
pub(crate) fn running(program: &str, dir: &Path) -> Vec<Pid> {
    let of_program = |pid: &Pid| {
        let cmdline = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let path = cmdline.split(|byte| *byte == 0).next().unwrap_or_default();
        let path = String::from_utf8_lossy(path);
        Path::new(&*path).file_name() == Some(program.as_ref()) && is_named_in(&cmdline, dir)
    };
    belonging(&[], Some(dir))
        .into_iter()
        .filter(of_program)
        .collect()
}

fn belonging(inodes: &[u64], dir: Option<&Path>) -> Vec<Pid> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| *pid != nix::unistd::getpid().as_raw())
        .filter(|pid| belongs(*pid, inodes, dir))
        .map(Pid::from_raw)
        .collect()
}

fn belongs(pid: i32, inodes: &[u64], dir: Option<&Path>) -> bool {
    let proc = PathBuf::from(format!("/proc/{pid}"));
    if is_zombie(&proc) {
        return false;
    }
    let inside = namespace_inode(&proc.join("ns/net")).is_some_and(|own| inodes.contains(&own));
    inside || dir.is_some_and(|dir| works_in(&proc, dir))
}

fn works_in(proc: &Path, dir: &Path) -> bool {
    let at_work = fs::read_link(proc.join("cwd")).is_ok_and(|cwd| cwd.starts_with(dir));
    at_work || is_named_in(&fs::read(proc.join("cmdline")).unwrap_or_default(), dir)
}

/// Whether an argument is `dir`, or a path below it, perhaps after `--flag=`.
fn is_named_in(cmdline: &[u8], dir: &Path) -> bool {
    let dir = dir.to_string_lossy();
    String::from_utf8_lossy(cmdline)
        .split('\0')
        .any(|argument| {
            let value = argument
                .split_once('=')
                .map_or(argument, |(_, value)| value);
            Path::new(value).starts_with(&*dir)
        })
}

fn is_zombie(proc: &Path) -> bool {
    let stat = fs::read_to_string(proc.join("stat")).unwrap_or_default();
    // The state follows the command's name, which may hold spaces and parentheses itself.
    let state = stat.rsplit_once(") ").map(|(_, rest)| rest);
    state.is_none_or(|state| state.starts_with('Z'))
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_namespace_alone_claims_nobody_by_the_paths_on_his_command_line() -> Result<()> {
        let dir = Path::new("/nonexistent");
        let mut bystander = Command::new("sh")
            .args(["-c", "read line", "--file=/nonexistent/socket"])
            .stdin(Stdio::piped())
            .spawn()?;
        let pid = i32::try_from(bystander.id())?;
        soon("the bystander to run", || belongs(pid, &[], Some(dir)))?;
        assert!(!belongs(pid, &[], None));
        bystander.kill()?;
        bystander.wait()?;
        Ok(())
    }

    #[test]
    fn a_command_line_belongs_to_a_data_directory_by_whole_path_components() {
        let cases = [
            ("shim\0-address\0/tmp/net-1/node/containerd.sock\0", true),
            ("skiff\0up\0--data-dir=/tmp/net-1/node\0", true),
            ("skiff\0up\0--data-dir=/tmp/net-1/node-2\0", false),
            ("sh\0-c\0ls /tmp/net-1/node\0", false),
            ("", false),
        ];
        for (cmdline, expected) in cases {
            let found = is_named_in(cmdline.as_bytes(), Path::new("/tmp/net-1/node"));
            assert_eq!(found, expected, "{cmdline:?}");
        }
    }
}
