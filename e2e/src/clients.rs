//! The libraries that users write programs for Kubernetes with, and the programs in `e2e/clients` that use them.
//!
//! ```text
//!   crates.io ─► example kube_rs ───────────────────┐
//!   PyPI ─► requirements.txt ─► virtual environment ─┼─► a line for the Terminal
//!   npm ─► package-lock.json ─► node_modules ────────┘
//! ```

use std::fmt;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::artifacts::example_binary;
use crate::cache::{cache_dir, once};
use crate::command::{output, typed};
use crate::terminal::Terminal;

/// The folder of programs in JavaScript, in a user's home.
const MODULES: &str = "javascript";

/// A client library of Kubernetes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientLibrary {
    /// kube-rs, of crates.io.
    KubeRs,
    /// `kubernetes`, of PyPI.
    Python,
    /// `@kubernetes/client-node`, of npm.
    JavaScript,
}

impl ClientLibrary {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::KubeRs, Self::Python, Self::JavaScript];

    /// The line for a user's shell that runs the program of this library for a flow, such as `objects`.
    ///
    /// The first who asks installs the library.
    pub fn line(self, terminal: &Terminal, flow: &str) -> Result<String> {
        match self {
            Self::KubeRs => Ok(format!("{} {flow}", example_binary("kube_rs")?.display())),
            Self::Python => {
                let python = virtual_environment()?.join("bin/python");
                let program = programs("python").join(format!("{flow}.py"));
                Ok(format!("{} -uB {}", python.display(), program.display()))
            }
            Self::JavaScript => {
                let program = beside_modules(terminal.home(), &format!("{flow}.mjs"))?;
                Ok(format!("node {}", program.display()))
            }
        }
    }

    /// The folders that the program needs, for a container that has only them.
    pub fn folders(self, terminal: &Terminal) -> Result<Vec<PathBuf>> {
        let mut folders: Vec<_> = ["/usr", "/lib", "/lib64"].map(PathBuf::from).into();
        folders.push(cache_dir()?);
        match self {
            Self::KubeRs => folders.extend(example_binary("kube_rs")?.parent().map(Path::to_owned)),
            Self::Python => {
                let python = fs::canonicalize(virtual_environment()?.join("bin/python"))?;
                // It has a folder of its own unless it is the system's.
                let own = python
                    .ancestors()
                    .nth(2)
                    .filter(|own| *own != Path::new("/usr"));
                folders.extend(own.map(Path::to_owned));
                folders.push(programs("python"));
            }
            Self::JavaScript => folders.push(terminal.home().join(MODULES)),
        }
        Ok(folders)
    }
}

impl fmt::Display for ClientLibrary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::KubeRs => "kube-rs",
            Self::Python => "python",
            Self::JavaScript => "javascript",
        })
    }
}

/// Where the programs in a language are.
fn programs(language: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("clients")
        .join(language)
}

/// A Python with the libraries of `requirements.txt`.
fn virtual_environment() -> Result<PathBuf> {
    let requirements = programs("python").join("requirements.txt");
    let mut made_from = fs::read(&requirements)?;
    // Some libraries are built for one version of Python.
    made_from.extend(output(&mut typed("python3 -VV"))?.into_bytes());
    once("python", &made_from, |environment| {
        let venv = ["-m", "venv"];
        output(Command::new("python3").args(venv).arg(environment))?;
        let install = "-m pip install --quiet --no-deps --retries=10 --requirement".split(' ');
        let mut python = Command::new(environment.join("bin/python"));
        output(python.args(install).arg(&requirements))
            .context("PyPI is needed once, for the Python client")?;
        Ok(())
    })
}

/// A folder with the `node_modules` of `package-lock.json`.
fn node_modules() -> Result<PathBuf> {
    let files = ["package.json", "package-lock.json"].map(|name| programs("javascript").join(name));
    let made_from = [fs::read(&files[0])?, fs::read(&files[1])?].concat();
    once("javascript", &made_from, |folder| {
        fs::create_dir(folder)?;
        let mut install = typed("npm ci --ignore-scripts --no-audit --no-fund --fetch-retries=6");
        output(Command::new("cp").args(&files).arg(folder))?;
        output(install.current_dir(folder))
            .context("the npm registry is needed once, for the JavaScript client")?;
        Ok(())
    })
}

/// A copy of a program below `home`, where it finds its modules: Node looks for them beside the program.
fn beside_modules(home: &Path, program: &str) -> Result<PathBuf> {
    let folder = home.join(MODULES);
    fs::create_dir_all(&folder)?;
    let link = folder.join("node_modules");
    // Another program may be reading there.
    if !link.exists() {
        symlink(node_modules()?.join("node_modules"), link)?;
    }
    let copy = folder.join(program);
    fs::copy(programs("javascript").join(program), &copy)?;
    Ok(copy)
}
