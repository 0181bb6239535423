//! The `skiff` binary: a whole Kubernetes in one process.
//!
//! It composes what the crates offer and knows nothing of their insides.
//!
//! ```text
//!   cli ──► up ──► data directory ─► pki ─► store ─► API server ─┬─► scheduler, controllers, dns
//!     │                                       containerd ────────┴─► kubelet, proxy
//!     ├──► agent ──► join ─► containerd ───────────────────────────► kubelet, proxy
//!     └──► status, down, uninstall, image, token, kubeconfig, simulate, trace, history, restore
//! ```

#[macro_use]
mod say;

mod agent;
mod allocator;
mod cli;
mod cluster_config;
mod components;
mod config;
mod containerd;
mod data_dir;
mod down;
mod health;
mod history;
mod image;
mod kubeconfig;
mod logging;
mod network;
mod pki;
mod simulate;
mod status;
mod token;
mod trace;
mod uninstall;
mod up;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};

fn main() -> ExitCode {
    let cli = Cli::parse();
    logging::init(cli.verbose);
    match run(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("skiff: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(worker_threads())
        .enable_all()
        .build()?;
    let done = runtime.block_on(async {
        match command {
            Command::Up(options) => up::up(config::resolve(options)?).await,
            Command::Agent(options) => agent::agent(config::resolve_agent(*options)?).await,
            Command::Token(args) => token::token(args).await,
            Command::Status(at) => status::status(&at.data_dir).await,
            Command::Down(at) => down::down(&at.data_dir).await,
            Command::Uninstall(at) => uninstall::uninstall(&at.data_dir).await,
            Command::Image(image) => image::image(image).await,
            Command::Kubeconfig(at) => kubeconfig::print(&at.data_dir),
            Command::Simulate(args) => simulate::simulate(args).await,
            Command::Trace(args) => trace::trace(args).await,
            Command::History(args) => history::history(args).await,
            Command::Restore(args) => history::restore(args).await,
        }
    });
    // A thread that still waits, for a lock say, must not keep a command from ending.
    runtime.shutdown_background();
    done
}

/// A worker a core, but no more than four: an idle thread costs memory, and the kernel and containerd need cores as well.
fn worker_threads() -> usize {
    std::thread::available_parallelism().map_or(2, |cores| cores.get().clamp(2, 4))
}
