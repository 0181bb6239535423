//! What users type.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use jiff::SignedDuration;
use k8s_openapi::api::core::v1::Taint;
use skiff_api::Quantity;
use skiff_kubelet::Simulation;

use crate::config::{AgentOptions, UpOptions};
use crate::data_dir::DEFAULT_DATA_DIR;

/// A whole Kubernetes in one small binary.
#[derive(Parser)]
#[command(name = "skiff", version)]
pub(crate) struct Cli {
    /// Tell more of what happens (twice: everything); SKIFF_LOG takes a filter.
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    pub(crate) verbose: u8,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Make this machine a cluster; stays in the foreground until SIGTERM or Ctrl-C.
    Up(Box<UpOptions>),
    /// Make this machine a node of a cluster that runs elsewhere; stays in the foreground like `up`.
    Agent(Box<AgentOptions>),
    /// Make, list and delete the tokens by which machines join.
    Token(TokenArgs),
    /// Say whether the cluster runs, and how it is.
    Status(AtDataDir),
    /// Stop Pods, containerd and skiff; the data stays.
    Down(AtDataDir),
    /// Stop everything and remove it: the data, and all that was made in the kernel.
    Uninstall(AtDataDir),
    /// Load, list and remove container images.
    Image(ImageArgs),
    /// Print the kubeconfig of the cluster's administrator.
    Kubeconfig(AtDataDir),
    /// Add nodes that run nothing, on which Pods seem to run; stays in the foreground like `up`.
    Simulate(SimulateArgs),
    /// Draw the way of a Pod or a Service through the cluster, stage by stage.
    Trace(TraceArgs),
    /// Show every change of an object that is still known, with when, who and what.
    History(HistoryArgs),
    /// Bring an object, or a namespace with all that is in it, back to how it was at a revision.
    Restore(RestoreArgs),
}

#[derive(Args)]
pub(crate) struct TraceArgs {
    #[command(flatten)]
    pub(crate) at: AtDataDir,
    /// The namespace of the object.
    #[arg(short, long, default_value = "default", global = true)]
    pub(crate) namespace: String,
    #[command(subcommand)]
    pub(crate) of: TraceOf,
}

#[derive(Subcommand)]
pub(crate) enum TraceOf {
    /// From the API server's store to the dataplane of each node.
    Pod {
        /// Its name.
        name: String,
    },
    /// From the API server's store to the dataplane of each node, endpoint by endpoint.
    #[command(alias = "svc")]
    Service {
        /// Its name.
        name: String,
    },
}

#[derive(Args)]
pub(crate) struct HistoryArgs {
    #[command(flatten)]
    pub(crate) at: AtDataDir,
    /// The namespace of the object.
    #[arg(short, long, default_value = "default")]
    pub(crate) namespace: String,
    /// KIND/NAME, the kind as kubectl knows it: deployment/web, deploy/web, deployments.apps/web.
    pub(crate) object: String,
}

#[derive(Args)]
pub(crate) struct RestoreArgs {
    #[command(flatten)]
    pub(crate) at: AtDataDir,
    /// The namespace of the object.
    #[arg(short, long, default_value = "default")]
    pub(crate) namespace: String,
    /// KIND/NAME, as for history; namespace/NAME is all that is in it as well.
    pub(crate) object: String,
    /// One of those that history shows, or any between.
    #[arg(long)]
    pub(crate) revision: u64,
    /// Only tell what would be done.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Args)]
pub(crate) struct SimulateArgs {
    #[command(flatten)]
    pub(crate) at: AtDataDir,
    /// That of another cluster than the one in the data directory; any Kubernetes will do.
    #[arg(long)]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// How many nodes; 0 only simulates those that have the label skiff.dev/simulated.
    #[arg(long, value_parser = clap::value_parser!(u32).range(..=i64::from(Simulation::MAX_NODES)))]
    pub(crate) nodes: u32,
    /// What their names begin with.
    #[arg(long, default_value = "simulated")]
    pub(crate) name_prefix: String,
    /// Labels of each node, KEY=VALUE, repeatable.
    #[arg(long = "node-label", value_parser = label)]
    pub(crate) labels: Vec<(String, String)>,
    /// Taints of each node, KEY=VALUE:EFFECT, repeatable, for Pods that are not to be simulated.
    #[arg(long = "node-taint", value_parser = taint)]
    pub(crate) taints: Vec<Taint>,
    /// Processors of each node.
    #[arg(long, default_value_t = 8)]
    pub(crate) cpus: u32,
    /// Memory of each node.
    #[arg(long, default_value = "32Gi")]
    pub(crate) memory: Quantity,
    /// How many Pods each node takes, at most 250.
    #[arg(long, default_value_t = 110, value_parser = clap::value_parser!(u32).range(..=250))]
    pub(crate) max_pods: u32,
    /// How long containers run that end, such as those of Jobs.
    #[arg(long, default_value = "1s")]
    pub(crate) run_for: SignedDuration,
}

fn label(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

fn taint(text: &str) -> Result<Taint, String> {
    let (rest, effect) = text.rsplit_once(':').ok_or("expected KEY=VALUE:EFFECT")?;
    let (key, value) = match rest.split_once('=') {
        Some((key, value)) => (key, Some(value.to_owned())),
        None => (rest, None),
    };
    Ok(Taint {
        key: key.to_owned(),
        value,
        effect: effect.to_owned(),
        time_added: None,
    })
}

#[derive(Args)]
pub(crate) struct AtDataDir {
    /// Where the cluster lives.
    #[arg(long, default_value = DEFAULT_DATA_DIR, env = "SKIFF_DATA_DIR", global = true)]
    pub(crate) data_dir: PathBuf,
}

#[derive(Args)]
pub(crate) struct TokenArgs {
    #[command(flatten)]
    pub(crate) at: AtDataDir,
    #[command(subcommand)]
    pub(crate) command: TokenCommand,
}

#[derive(Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a token, and print it.
    Create {
        /// How long it can be used; 0s is for ever.
        #[arg(long, default_value = "24h")]
        ttl: SignedDuration,
        /// What it is for.
        #[arg(long)]
        description: Option<String>,
        /// Print the whole command that joins a machine.
        #[arg(long)]
        print_join_command: bool,
    },
    /// List the tokens, without their secrets.
    List,
    /// Print what makes a machine one more control plane: the --token of its `skiff up`.
    ControlPlane,
    /// Delete tokens; machines that joined by them stay.
    Delete {
        /// Their ids, or the tokens themselves.
        #[arg(required = true)]
        ids: Vec<String>,
    },
}

#[derive(Args)]
pub(crate) struct ImageArgs {
    #[command(flatten)]
    pub(crate) at: AtDataDir,
    #[command(subcommand)]
    pub(crate) command: ImageCommand,
}

#[derive(Subcommand)]
pub(crate) enum ImageCommand {
    /// Load the images of a tar file (docker save or OCI layout).
    Load {
        /// The tar file.
        file: PathBuf,
    },
    /// List the images.
    List,
    /// Remove images.
    Rm {
        /// Their names, such as nginx:1.19.
        #[arg(required = true)]
        names: Vec<String>,
    },
}
