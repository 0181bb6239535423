//! A kernel, an emulator and a static shell, unpacked from Debian packages and not installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::cache::once;
use crate::command::output;
use crate::packages::{unpack, with_dependencies};

/// The meta package that depends on the newest kernel for virtual machines.
const KERNEL: &str = "linux-image-cloud-amd64";

/// Packages that the emulator depends on and the machine has: the C library must be the running
/// loader's own, the others are not for programs.
const NOT_UNPACKED: &[&str] = &[
    "libc6",
    "adduser",
    "cdebconf",
    "debconf",
    "dpkg",
    "install-info",
    "libelogind0",
    "libexecs0",
    "libpam-modules",
    "libpam-modules-bin",
    "libpam0g",
    "passwd",
    "tar",
];

/// Debian's kernel for virtual machines.
#[derive(Debug, Clone)]
pub(crate) struct Kernel {
    /// The bootable file.
    pub(crate) image: PathBuf,
    /// The modules, with the index that `modprobe` reads.
    pub(crate) modules: PathBuf,
    /// Its version, the name of the folder of modules.
    pub(crate) version: String,
}

impl Kernel {
    pub(crate) fn find() -> Result<Self> {
        let root = once("vm-kernel", KERNEL.as_bytes(), |root| {
            let dependencies = with_dependencies(KERNEL, &[])?;
            let package = dependencies
                .iter()
                .find(|name| name.starts_with("linux-image-6"))
                .context("the kernel's meta package names a kernel")?;
            unpack(&[package], root)?;
            let version = package.trim_start_matches("linux-image-");
            let depmod = Command::new(busybox()?)
                .arg("depmod")
                .arg("-b")
                .arg(root)
                .arg(version)
                .output()?;
            anyhow::ensure!(depmod.status.success(), "depmod: {depmod:?}");
            Ok(())
        })?;
        let modules = root.join("lib/modules");
        let version = fs::read_dir(&modules)?
            .flatten()
            .find_map(|entry| entry.file_name().into_string().ok())
            .context("the kernel has modules")?;
        Ok(Self {
            image: root.join("boot").join(format!("vmlinuz-{version}")),
            modules: modules.join(&version),
            version,
        })
    }

    /// The files of `modules` and of all that they need, each after what it needs, relative to
    /// the folder of modules.
    pub(crate) fn with_needed(&self, modules: &[&str]) -> Result<Vec<String>> {
        let index = fs::read_to_string(self.modules.join("modules.dep"))?;
        let mut files = Vec::new();
        for module in modules {
            let line = index
                .lines()
                .find(|line| module_of(line.split(':').next().unwrap_or_default()) == *module)
                .with_context(|| format!("the kernel has no module {module}"))?;
            let (own, needed) = line.split_once(':').unwrap_or((line, ""));
            // The index names what is needed nearest first.
            for file in needed.split_whitespace().rev().chain([own]) {
                if !files.iter().any(|known| known == file) {
                    files.push(file.to_owned());
                }
            }
        }
        Ok(files)
    }
}

/// The module that a file holds, in the spelling of `lsmod`.
fn module_of(file: &str) -> String {
    let name = file.rsplit('/').next().unwrap_or_default();
    name.trim_end_matches(".ko").replace('-', "_")
}

/// The static busybox: all of a small guest's user land.
pub(crate) fn busybox() -> Result<PathBuf> {
    let root = once("vm-busybox", b"busybox-static", |root| {
        unpack(&["busybox-static"], root)
    })?;
    Ok(root.join("bin/busybox"))
}

/// The emulator, ready for its arguments.
pub(crate) struct Qemu {
    root: PathBuf,
}

impl Qemu {
    pub(crate) fn find() -> Result<Self> {
        let root = once("vm-qemu", b"qemu-system-x86", |root| {
            let packages = with_dependencies("qemu-system-x86", NOT_UNPACKED)?;
            let packages: Vec<&str> = packages.iter().map(String::as_str).collect();
            unpack(&packages, root)
        })?;
        Ok(Self { root })
    }

    /// Adds what makes the unpacked emulator find its libraries and firmware. `command` is `env`
    /// or its like, so that the libraries are seen by the emulator alone.
    pub(crate) fn add_to(&self, command: &mut Command) {
        let in_root = |path: &str| self.root.join(path).display().to_string();
        command.arg(format!(
            "LD_LIBRARY_PATH={}:{}",
            in_root("usr/lib/x86_64-linux-gnu"),
            in_root("lib/x86_64-linux-gnu"),
        ));
        command.arg(self.root.join("usr/bin/qemu-system-x86_64"));
        for firmware in ["usr/share/qemu", "usr/share/seabios"] {
            command.args(["-L", &in_root(firmware)]);
        }
    }
}

/// The shared libraries that `program` starts with, the loader included.
pub(crate) fn libraries(program: &Path) -> Result<Vec<PathBuf>> {
    let listing = output(Command::new("ldd").arg(program))?;
    Ok(listing
        .lines()
        .filter_map(|line| line.split_whitespace().find(|word| word.starts_with('/')))
        .map(PathBuf::from)
        .collect())
}
