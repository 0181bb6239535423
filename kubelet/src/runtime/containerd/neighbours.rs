//! Other processes of this machine, known by their command line.

use std::fs;
use std::path::Path;

/// The processes that see the same files as this one: a path means the same to them.
pub(super) fn neighbours() -> impl Iterator<Item = i32> {
    let files = |process: &str| fs::read_link(format!("/proc/{process}/ns/mnt")).ok();
    let own = files("thread-self");
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    names
        .filter(move |name| own.is_some() && files(name) == own)
        .filter_map(|name| name.parse().ok())
}

/// Whether the process runs with that flag and path: a process id may have been given to another program since.
pub(super) fn runs_with(pid: i32, flag: &str, path: &Path) -> bool {
    let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let arguments: Vec<&[u8]> = command.split(|byte| *byte == 0).collect();
    let wanted = [flag.as_bytes(), path.as_os_str().as_encoded_bytes()];
    arguments.windows(2).any(|pair| pair == wanted)
}
