//! The cluster's containerd: skiff's own, or the one that the user named.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, anyhow};
use skiff_kubelet::{Containerd, ContainerdConfig, ContainerdProcess, Runtime};
use tokio::task::JoinHandle;

use crate::config::NodeSettings;

/// The file that says which containerd `--containerd` named at the last start.
const NAMED: &str = "containerd-socket";

/// A containerd that is starting, or has started.
pub(crate) struct ContainerRuntime {
    starting: Option<JoinHandle<anyhow::Result<Started>>>,
    own: Option<ContainerdProcess>,
}

struct Started {
    runtime: Arc<Containerd>,
    own: Option<ContainerdProcess>,
}

impl ContainerRuntime {
    /// Begins to start it as `skiff up` is told, and remembers whose it is for `skiff down` and `skiff image`.
    pub(crate) fn start(settings: &NodeSettings) -> anyhow::Result<Self> {
        remember(&settings.data_dir, settings.containerd.as_deref())?;
        let mut config = ContainerdConfig::new(&settings.data_dir);
        let mirrors = settings.registry_mirrors.iter();
        config.mirrors = mirrors
            .map(|mirror| (mirror.registry.clone(), mirror.url.clone()))
            .collect();
        Ok(Self::starting(config, settings.containerd.clone()))
    }

    /// Begins to start the one that the cluster in `data_dir` was last started with.
    pub(crate) fn start_again(data_dir: &Path) -> anyhow::Result<Self> {
        Ok(Self::starting(
            ContainerdConfig::new(data_dir),
            named(data_dir)?,
        ))
    }

    fn starting(config: ContainerdConfig, named: Option<PathBuf>) -> Self {
        Self {
            starting: Some(tokio::spawn(start(config, named))),
            own: None,
        }
    }

    /// Waits until it answers; to be called once.
    pub(crate) async fn ready(&mut self) -> anyhow::Result<Arc<Containerd>> {
        let starting = self
            .starting
            .take()
            .ok_or_else(|| anyhow!("containerd was waited for before"))?;
        let started = starting
            .await
            .context("the start of containerd panicked")??;
        self.own = started.own;
        Ok(started.runtime)
    }

    /// Stops skiff's own containerd, also one that is still starting; what runs in containers lives on.
    pub(crate) async fn stop(mut self) {
        if self.starting.is_some()
            && let Err(error) = self.ready().await
        {
            tracing::debug!(error = format!("{error:#}"), "containerd did not start");
        }
        if let Some(own) = self.own {
            own.stop().await;
        }
    }
}

/// The socket of the containerd that the cluster in `data_dir` was last started with.
pub(crate) fn socket(data_dir: &Path) -> anyhow::Result<PathBuf> {
    Ok(named(data_dir)?.unwrap_or_else(|| ContainerdConfig::new(data_dir).socket()))
}

async fn start(config: ContainerdConfig, named: Option<PathBuf>) -> anyhow::Result<Started> {
    let data_dir = config.data_dir.clone();
    let (own, socket) = match named {
        Some(named) => (None, named),
        None => {
            let own = ContainerdProcess::start(config)
                .await
                .context("start containerd")?;
            let socket = own.socket().to_owned();
            (Some(own), socket)
        }
    };
    let runtime = Containerd::connect(&socket, &data_dir);
    runtime
        .version()
        .await
        .with_context(|| format!("reach containerd at {}", socket.display()))?;
    Ok(Started {
        runtime: Arc::new(runtime),
        own,
    })
}

fn remember(data_dir: &Path, named: Option<&Path>) -> anyhow::Result<()> {
    let file = data_dir.join(NAMED);
    let done = match named {
        Some(socket) => std::fs::write(&file, socket.as_os_str().as_encoded_bytes()),
        None => std::fs::remove_file(&file),
    };
    match done {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("write {}", file.display()))
        }
        _ => Ok(()),
    }
}

fn named(data_dir: &Path) -> anyhow::Result<Option<PathBuf>> {
    let file = data_dir.join(NAMED);
    match std::fs::read_to_string(&file) {
        Ok(socket) => Ok(Some(PathBuf::from(socket))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("read {}", file.display())),
    }
}
