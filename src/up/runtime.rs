//! containerd: skiff's own, or the one that the user named.

use std::sync::Arc;

use anyhow::{Context, anyhow};
use skiff_kubelet::{Containerd, ContainerdConfig, ContainerdProcess, Runtime};
use tokio::task::JoinHandle;

use crate::config::Settings;

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
    /// Begins to start it.
    pub(crate) fn start(settings: &Settings) -> Self {
        Self {
            starting: Some(tokio::spawn(start(settings.clone()))),
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

async fn start(settings: Settings) -> anyhow::Result<Started> {
    let (own, socket) = match &settings.containerd {
        Some(named) => (None, named.clone()),
        None => {
            let own = ContainerdProcess::start(config(&settings))
                .await
                .context("start containerd")?;
            let socket = own.socket().to_owned();
            (Some(own), socket)
        }
    };
    let runtime = Containerd::connect(&socket, &settings.data_dir);
    runtime
        .version()
        .await
        .with_context(|| format!("reach containerd at {}", socket.display()))?;
    Ok(Started {
        runtime: Arc::new(runtime),
        own,
    })
}

fn config(settings: &Settings) -> ContainerdConfig {
    let mut config = ContainerdConfig::new(&settings.data_dir);
    config.mirrors = settings
        .registry_mirrors
        .iter()
        .map(|mirror| (mirror.registry.clone(), mirror.url.clone()))
        .collect();
    config
}
