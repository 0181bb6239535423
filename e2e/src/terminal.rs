//! A user's shell on a machine of the test: lines are typed as the documentation has them.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use anyhow::{Context, Result, bail, ensure};

use crate::artifacts;
use crate::kubectl::Kubectl;
use crate::namespace::Namespace;

/// A shell with `kubectl`, `skiff` and the cluster's kubeconfig, in a network namespace.
#[derive(Debug, Clone)]
pub struct Terminal {
    namespace: PathBuf,
    home: PathBuf,
    kubeconfig: PathBuf,
    /// The minor version of its `kubectl`.
    minor: u32,
}

/// What a command left.
#[derive(Debug, Clone)]
pub struct Output {
    /// Whether it ended with 0.
    pub success: bool,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Terminal {
    /// A terminal inside `namespace`; `home` is its home folder, made if missing.
    pub fn new(namespace: &Namespace, home: &Path, kubeconfig: &Path) -> Result<Self> {
        let bin = home.join("bin");
        fs::create_dir_all(&bin)?;
        let kubectl = Kubectl::find()?;
        for (name, program) in [
            ("kubectl", kubectl.path),
            ("skiff", artifacts::skiff_binary()?),
        ] {
            let link = bin.join(name);
            crate::cache::remove(&link)?;
            symlink(program, link)?;
        }
        Ok(Self {
            namespace: namespace.path(),
            home: home.to_owned(),
            kubeconfig: kubeconfig.to_owned(),
            minor: kubectl.minor,
        })
    }

    /// A folder for the user's own files, in which lines are typed.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// A terminal whose `kubectl` works in this namespace, which is made.
    pub fn in_namespace(&self, name: &str) -> Result<Self> {
        self.kubectl(&format!("create namespace {name}"))?;
        let kubeconfig = self.home.join(format!("{name}.kubeconfig"));
        fs::copy(&self.kubeconfig, &kubeconfig)?;
        let terminal = Self {
            kubeconfig,
            ..self.clone()
        };
        terminal.kubectl(&format!("config set-context --current --namespace={name}"))?;
        Ok(terminal)
    }

    /// A terminal with another `kubectl`, in a home folder of its own.
    pub(crate) fn with_kubectl(&self, kubectl: &Kubectl) -> Result<Self> {
        let home = self.home.join(format!("with-1.{}", kubectl.minor));
        fs::create_dir_all(home.join("bin"))?;
        let link = home.join("bin/kubectl");
        crate::cache::remove(&link)?;
        symlink(&kubectl.path, link)?;
        Ok(Self {
            home,
            minor: kubectl.minor,
            ..self.clone()
        })
    }

    /// The minor version of its `kubectl`: 33 of 1.33.
    pub fn kubectl_minor(&self) -> u32 {
        self.minor
    }

    /// Types a line into the shell and returns what it prints; fails if the command does.
    pub fn sh(&self, line: &str) -> Result<String> {
        succeeded(line, self.output(line, "")?)
    }

    /// [`Self::sh`] with `stdin` for the command to read.
    pub fn sh_with(&self, line: &str, stdin: &str) -> Result<String> {
        succeeded(line, self.output(line, stdin)?)
    }

    /// Types `kubectl` with these arguments, quoted as for a shell.
    pub fn kubectl(&self, arguments: &str) -> Result<String> {
        self.sh(&format!("kubectl {arguments}"))
    }

    /// `kubectl apply -f -` of these manifests.
    pub fn apply(&self, manifests: &str) -> Result<String> {
        let line = "kubectl apply -f -";
        succeeded(line, self.output(line, manifests)?)
    }

    /// Types a line that must fail, and returns what it complains of.
    pub fn refused(&self, line: &str) -> Result<String> {
        self.refused_with(line, "")
    }

    /// [`Self::refused`] with `stdin` for the command to read.
    pub fn refused_with(&self, line: &str, stdin: &str) -> Result<String> {
        let output = self.output(line, stdin)?;
        ensure!(
            !output.success,
            "`{line}` was not refused:\n{}",
            output.stdout
        );
        Ok(output.stderr)
    }

    /// Types a line, gives it `stdin`, and returns what it left, success or not.
    pub fn output(&self, line: &str, stdin: &str) -> Result<Output> {
        let mut command = self.shell(line);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command
            .stdin(Stdio::piped())
            .spawn()
            .with_context(|| format!("start `{line}`"))?;
        let mut input = child.stdin.take().context("the shell has an input")?;
        let output = thread::scope(|scope| {
            // A command that does not read its input is no failure.
            scope.spawn(move || input.write_all(stdin.as_bytes()).ok());
            child.wait_with_output()
        })?;
        Ok(Output {
            success: output.status.success(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// Starts a line that runs on (`kubectl logs -f`), its output going to the file `into`.
    pub fn start(&self, line: &str, into: &Path) -> Result<Child> {
        self.start_reading(line, into, Stdio::null())
    }

    /// [`Self::start`] of a line that reads what is written to the child's `stdin`.
    pub fn start_with_input(&self, line: &str, into: &Path) -> Result<Child> {
        self.start_reading(line, into, Stdio::piped())
    }

    fn start_reading(&self, line: &str, into: &Path, input: Stdio) -> Result<Child> {
        let file = fs::File::create(into)?;
        let mut command = self.shell(line);
        command.stdin(input);
        command.stdout(file.try_clone()?).stderr(file);
        command.spawn().with_context(|| format!("start `{line}`"))
    }

    /// The search path of its programs.
    pub(crate) fn path(&self) -> String {
        let system = std::env::var("PATH").unwrap_or_default();
        format!("{}/bin:{system}", self.home.display())
    }

    fn shell(&self, line: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", self.namespace.display()));
        command.args(["--", "sh", "-c", line]);
        command.env("PATH", self.path());
        command.env("HOME", &self.home);
        command.env("KUBECONFIG", &self.kubeconfig);
        command.current_dir(&self.home);
        command
    }
}

fn succeeded(line: &str, output: Output) -> Result<String> {
    if !output.success {
        bail!("`{line}` failed\n{}{}", output.stdout, output.stderr);
    }
    Ok(output.stdout)
}
