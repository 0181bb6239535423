//! `fsGroup`: the group that owns a Pod's volumes
//! (<https://kubernetes.io/docs/tasks/configure-pod-container/security-context/>).

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown};
use std::path::Path;

use k8s_openapi::api::core::v1::Pod;

const READ_WRITE: u32 = 0o660;
const READ_ONLY: u32 = 0o440;
/// For folders: search, and new files inherit the group.
const FOLDER: u32 = 0o2110;

/// The Pod's fsGroup.
pub(super) fn group(pod: &Pod) -> Option<u32> {
    let context = pod.spec.as_ref()?.security_context.as_ref()?;
    u32::try_from(context.fs_group?).ok()
}

/// To whom a volume is given whose files outlive the Pod.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owner {
    pub(super) group: Option<u32>,
    /// Whether a volume whose top folder is right already is left alone (`fsGroupChangePolicy: OnRootMismatch`).
    pub(super) only_on_mismatch: bool,
}

/// What the Pod says of its volumes' owner.
pub(super) fn owner(pod: &Pod) -> Owner {
    let spec = pod.spec.as_ref();
    let context = spec.and_then(|spec| spec.security_context.as_ref());
    let policy = context.and_then(|context| context.fs_group_change_policy.as_deref());
    Owner {
        group: group(pod),
        only_on_mismatch: policy == Some("OnRootMismatch"),
    }
}

/// Gives a volume to its owner, unless that is to be left.
pub(super) fn give_if_wanted(dir: &Path, owner: Owner) -> io::Result<()> {
    let Some(group) = owner.group else {
        return Ok(());
    };
    let found = fs::metadata(dir)?;
    let bits = READ_WRITE | FOLDER;
    let is_right = found.gid() == group && found.mode() & bits == bits;
    match owner.only_on_mismatch && is_right {
        true => Ok(()),
        false => walk(dir, group, READ_WRITE),
    }
}

/// Gives a volume to the group, to read and write.
pub(super) fn give(dir: &Path, group: Option<u32>) -> io::Result<()> {
    group.map_or(Ok(()), |group| walk(dir, group, READ_WRITE))
}

/// Gives a volume to the group, to read.
pub(super) fn give_read_only(dir: &Path, group: Option<u32>) -> io::Result<()> {
    group.map_or(Ok(()), |group| walk(dir, group, READ_ONLY))
}

fn walk(path: &Path, group: u32, bits: u32) -> io::Result<()> {
    let found = fs::symlink_metadata(path)?;
    if found.gid() != group {
        lchown(path, None, Some(group))?;
    }
    if found.is_symlink() {
        return Ok(());
    }
    let bits = if found.is_dir() { bits | FOLDER } else { bits };
    let mode = found.mode() & 0o7777;
    if mode | bits != mode {
        fs::set_permissions(path, Permissions::from_mode(mode | bits))?;
    }
    if found.is_dir() {
        for entry in fs::read_dir(path)? {
            walk(&entry?.path(), group, bits & !FOLDER)?;
        }
    }
    Ok(())
}
