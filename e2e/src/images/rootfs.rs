//! The file tree of an image: packages, the project's own files, links to busybox.

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::recipe::Root;
use crate::command::output;
use crate::packages::unpack;

/// Folders that only a person reads.
const UNUSED: &[&str] = &[
    "usr/share/doc",
    "usr/share/man",
    "usr/share/lintian",
    "usr/share/bug",
    "usr/share/locale",
];

/// Writes the tree of `root` as a plain tar file: the one layer of an image.
pub(super) fn write_layer(root: &Root, tar: &Path) -> Result<()> {
    let dir = tempfile::tempdir()?;
    assemble(root, dir.path())?;
    let mut builder = tar::Builder::new(File::create(tar)?);
    builder.follow_symlinks(false);
    builder.append_dir_all(".", dir.path())?;
    builder.into_inner()?.sync_all()?;
    Ok(())
}

fn assemble(root: &Root, dir: &Path) -> Result<()> {
    unpack(root.packages, dir)?;
    for unused in UNUSED {
        crate::cache::remove(&dir.join(unused))?;
    }
    for folder in ["bin", "dev", "etc", "proc", "root", "run", "sys", "tmp"] {
        fs::create_dir_all(dir.join(folder))?;
    }
    for folder in ["var/log", "var/lib", "usr/bin", "usr/sbin"] {
        fs::create_dir_all(dir.join(folder))?;
    }
    fs::set_permissions(dir.join("tmp"), fs::Permissions::from_mode(0o1777))?;
    fs::set_permissions(dir, fs::Permissions::from_mode(0o755))?;
    for file in root.files {
        let path = dir.join(file.path);
        fs::create_dir_all(path.parent().unwrap_or(dir))?;
        fs::write(&path, file.content)?;
        let mode = if file.executable { 0o755 } else { 0o644 };
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
    }
    link_applets(dir)
}

/// Gives each busybox applet a name in `/bin`, except where a package brought the real program.
fn link_applets(dir: &Path) -> Result<()> {
    let applets = output(Command::new(dir.join("bin/busybox")).arg("--list"))?;
    for applet in applets.lines() {
        let taken = ["bin", "usr/bin", "sbin", "usr/sbin"]
            .iter()
            .any(|folder| dir.join(folder).join(applet).symlink_metadata().is_ok());
        if !taken {
            symlink("busybox", dir.join("bin").join(applet))?;
        }
    }
    Ok(())
}
