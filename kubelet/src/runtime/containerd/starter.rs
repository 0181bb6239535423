//! Starts containerd: looks at the machine, writes its files, runs it, waits for it.

use std::fs;
use std::time::Duration;

use tokio::time::sleep;
use tonic::transport::Channel;
use tracing::info;

use super::ProcessError;
use super::config::{ContainerdConfig, render};
use super::cri::Cri;
use super::host::Host;
use super::instance::Instance;
use super::layout::Layout;
use super::{channel, log_file, registry};

/// containerd answers within this or is taken for broken. A warm start takes a tenth of a second.
const READY_LIMIT: Duration = Duration::from_secs(60);
/// The longest path that a unix socket can have; see unix(7).
const SOCKET_PATH_LIMIT: usize = 107;

/// All that is needed to start containerd, any number of times.
#[derive(Debug)]
pub(super) struct Starter {
    host: Host,
    pub(super) layout: Layout,
    pub(super) channel: Channel,
    pub(super) cri: Cri,
    /// The configuration differs from the one that a containerd of an earlier start runs with.
    config_changed: bool,
}

impl Starter {
    /// Looks at the machine and writes containerd's files.
    pub(super) fn prepare(config: &ContainerdConfig) -> Result<Starter, ProcessError> {
        let layout = Layout::new(&config.data_dir);
        let socket = layout.socket();
        if socket.as_os_str().len() > SOCKET_PATH_LIMIT {
            return Err(ProcessError::LongPath(socket));
        }
        for dir in [layout.root(), layout.state(), layout.cni_conf_dir()] {
            fs::create_dir_all(&dir).map_err(ProcessError::file(&dir))?;
        }
        let host = Host::inspect(config, &layout.dir())?;
        let path = layout.config();
        let toml = render(&layout, &host);
        let config_changed = fs::read_to_string(&path).is_ok_and(|written| written != toml);
        fs::write(&path, toml).map_err(ProcessError::file(&path))?;
        registry::write(
            &layout.registries(),
            &registry::hosts_files(&config.mirrors),
        )
        .map_err(ProcessError::file(layout.registries()))?;
        let channel = channel::connect(socket);
        Ok(Starter {
            host,
            layout,
            cri: Cri::new(channel.clone()),
            channel,
            config_changed,
        })
    }

    pub(super) async fn adopt_or_spawn(&self) -> Result<Instance, ProcessError> {
        match Instance::running(&self.layout) {
            None => self.spawn(),
            Some(mut old) if self.config_changed => {
                info!("restarting containerd: its configuration has changed");
                old.stop().await?;
                self.spawn()
            }
            Some(old) => {
                info!(pid = old.pid(), "containerd still runs: taking it over");
                Ok(old)
            }
        }
    }

    pub(super) fn spawn(&self) -> Result<Instance, ProcessError> {
        Instance::spawn(&self.host.containerd, &self.layout)
    }

    pub(super) async fn await_ready(&self, instance: &mut Instance) -> Result<(), ProcessError> {
        let log = || log_file::tail(&self.layout.log());
        tokio::select! {
            () = self.cri.await_initialised() => Ok(()),
            () = instance.ended(&self.channel) => Err(ProcessError::Died { log: log() }),
            () = sleep(READY_LIMIT) => Err(ProcessError::NotReady { log: log() }),
        }
    }
}
