//! The root disk of a node in a virtual machine: Debian packages on ext4, without a Debian installed.

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::cache::once;
use crate::command::output;
use crate::packages::{unpack, with_dependencies};

/// What a user of skiff has installed, and a user land around it.
const PACKAGES: &[&str] = &[
    "base-files",
    "bash",
    "busybox-static",
    "ca-certificates",
    "conntrack",
    "containerd",
    "containernetworking-plugins",
    "coreutils",
    "dash",
    "grep",
    "hostname",
    "iproute2",
    "iptables",
    "ipvsadm",
    "libgcc-s1",
    "mount",
    "nfs-common",
    "nfs-kernel-server",
    "nftables",
    "perl-base",
    "procps",
    "runc",
    "util-linux",
    "wget",
];

/// Parts of Debian that only its installation runs.
const NOT_UNPACKED: &[&str] = &[
    "adduser",
    "cdebconf",
    "debconf",
    "dpkg",
    "install-info",
    "keyutils",
    "python3",
    "rpcbind",
    "tar",
    "ucf",
];

/// What `update-alternatives` would have linked.
const IPTABLES: &[&str] = &["iptables", "iptables-save", "iptables-restore"];

const INIT: &str = include_str!("../../vm/node-init.sh");
const SIZE_MIB: u64 = 4096;

/// The disk, made by the first who asks. Machines run on snapshots of it.
pub(super) fn disk() -> Result<PathBuf> {
    once(
        "vm-root",
        format!("{PACKAGES:?}{INIT}").as_bytes(),
        |disk| {
            let tree = tempfile::tempdir()?;
            let root = tree.path();
            assemble(root)?;
            format(disk, SIZE_MIB, Some(root))
        },
    )
}

/// Makes the file `disk` an ext4 file system of `mib` mebibytes with a copy of `tree`.
pub(super) fn format(disk: &Path, mib: u64, tree: Option<&Path>) -> Result<()> {
    File::create(disk)?.set_len(mib << 20)?;
    let mut command = Command::new("mkfs.ext4");
    command.arg("-q");
    if let Some(tree) = tree {
        command.arg("-d").arg(tree);
    }
    output(command.arg(disk))?;
    Ok(())
}

fn assemble(root: &Path) -> Result<()> {
    let mut packages = Vec::new();
    for package in PACKAGES {
        packages.push((*package).to_owned());
        packages.extend(with_dependencies(package, NOT_UNPACKED)?);
    }
    packages.sort();
    packages.dedup();
    let packages: Vec<&str> = packages.iter().map(String::as_str).collect();
    unpack(&packages, root)?;
    for folder in [
        "dev", "proc", "sys", "run", "tmp", "root", "opt", "var/lib", "var/log", "etc",
    ] {
        fs::create_dir_all(root.join(folder))?;
    }
    for name in IPTABLES {
        symlink("xtables-nft-multi", root.join("usr/sbin").join(name))?;
    }
    fs::write(root.join("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n")?;
    fs::write(root.join("etc/group"), "root:x:0:\n")?;
    fs::write(root.join("etc/hosts"), "127.0.0.1 localhost\n")?;
    fs::write(root.join("etc/resolv.conf"), "")?;
    let init = root.join("node-init");
    fs::write(&init, INIT)?;
    fs::set_permissions(&init, fs::Permissions::from_mode(0o755))?;
    Ok(())
}
