//! What users type.

use std::fmt;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Measures a Kubernetes API server, and skiff's nodes.
#[derive(Debug, Parser)]
#[command(name = "skiff-bench", version)]
pub(super) struct Options {
    #[command(subcommand)]
    pub(super) command: Option<Command>,
    #[command(flatten)]
    pub(super) load: Load,
    /// Write the figures to this file too [default: target/bench.json when all is measured]
    #[arg(long, global = true)]
    json: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Measure everything on skiff nodes in network namespaces (the default; needs root)
    All,
    /// Measure the API server of a kubeconfig, whatever serves it
    Api {
        /// Names the API server, and a user with a client certificate who may do everything
        #[arg(long)]
        kubeconfig: PathBuf,
        /// A folder on the disk that the API server writes to, for the raw writes
        #[arg(long, default_value = ".")]
        disk: PathBuf,
    },
    /// Keep the values of a file, one a line, in sled alone until the standard input ends
    #[command(hide = true)]
    Sled {
        /// Where sled keeps them
        #[arg(long)]
        dir: PathBuf,
        /// The file
        #[arg(long)]
        values: PathBuf,
    },
}

/// How hard and how long to measure.
#[derive(Debug, Clone, Args)]
pub(super) struct Load {
    /// Measure only these, separated by commas [default: all]
    #[arg(long, global = true, value_enum, value_delimiter = ',')]
    pub(super) only: Vec<Bench>,
    /// How often each figure is taken; the median counts
    #[arg(long, global = true, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(super) rounds: u32,
    /// How long each burst of creates lasts, in seconds
    #[arg(long, global = true, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=60))]
    pub(super) burst_s: u64,
    /// How long the idle cluster is looked at, in seconds
    #[arg(long, global = true, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(super) idle_s: u64,
    /// How many Pods are created one after the other
    #[arg(long, global = true, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(super) starts: u32,
    /// How many Pods a full node has
    #[arg(long, global = true, default_value_t = 110, value_parser = clap::value_parser!(u32).range(2..=110))]
    pub(super) pods: u32,
    /// How many Services there are when one changes
    #[arg(long, global = true, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(20..=30_000))]
    pub(super) services: u32,
    /// The same in the virtual machine, which is slow
    #[arg(long, global = true, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(10..=10_000))]
    pub(super) ipvs_services: u32,
    /// How many Pods a list has
    #[arg(long, global = true, default_value_t = 5000, value_parser = clap::value_parser!(u32).range(1..=150_000))]
    pub(super) listed: u32,
    /// How many watchers the many are
    #[arg(long, global = true, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(2..=10_000))]
    pub(super) watchers: u32,
    /// How many watchers a crowd has, which share connections
    #[arg(long, global = true, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(100..=15_000))]
    pub(super) crowd: u32,
    /// How many objects there are when memory is counted by the object
    #[arg(long, global = true, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1000..=1_000_000))]
    pub(super) objects: u32,
    /// How many Pods there are when all of skiff's memory counts
    #[arg(long, global = true, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1000..=150_000))]
    pub(super) small_pods: u32,
    /// What to speak; client-go speaks HTTP/2 unless told otherwise
    #[arg(long, global = true, value_enum, default_value = "http2")]
    pub(super) protocol: Protocol,
}

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Bench {
    /// From `skiff up` to a Ready node
    Ready,
    /// Memory, CPU time and bytes written of a cluster that has nothing to do
    Idle,
    /// From the create of a Pod to its Running, beside raw CRI calls
    CreateToRunning,
    /// As many Pods as a node takes, beside raw CRI calls, and what they take afterwards
    Pods110,
    /// Creates by 1, 16 and 64 at a time, beside raw writes
    Creates,
    /// From a create to the last of the watchers
    Watches,
    /// The list of many Pods
    Lists,
    /// Strategic patches and server-side apply, beside replacing
    Patches,
    /// A few of many Pods, by labels and by fields
    Selectors,
    /// Ten thousand watchers: what one takes, and when the last of them has an event
    Crowd,
    /// A hundred thousand objects: what one takes
    Objects,
    /// Twenty thousand Pods of 2 KB: what all of skiff takes, beside etcd and sled with the same values
    SmallPods,
    /// One of many Services changes, with nftables
    Services,
    /// The same with IPVS, in a virtual machine
    ServicesIpvs,
}

/// The version of HTTP under TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Protocol {
    /// HTTP/1.1
    #[value(name = "http1")]
    Http1,
    /// HTTP/2
    #[value(name = "http2")]
    Http2,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http1 => "HTTP/1.1",
            Self::Http2 => "HTTP/2",
        })
    }
}

impl Bench {
    /// As it is typed.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Idle => "idle",
            Self::CreateToRunning => "create-to-running",
            Self::Pods110 => "pods110",
            Self::Creates => "creates",
            Self::Watches => "watches",
            Self::Lists => "lists",
            Self::Patches => "patches",
            Self::Selectors => "selectors",
            Self::Crowd => "crowd",
            Self::Objects => "objects",
            Self::SmallPods => "small-pods",
            Self::Services => "services",
            Self::ServicesIpvs => "services-ipvs",
        }
    }
}

impl Options {
    /// Where the figures are written to, if anywhere.
    pub(super) fn json_file(&self) -> Option<PathBuf> {
        let all = !matches!(self.command, Some(Command::Api { .. }));
        let default = all.then(|| PathBuf::from("target/bench.json"));
        self.json.clone().or(default)
    }
}
