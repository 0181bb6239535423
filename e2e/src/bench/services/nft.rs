//! The same rules by the program nft alone, in a network namespace without anything else.

use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::Result;

use crate::Namespace;
use crate::bench::statistics::{median, milliseconds};
use crate::command::output;

/// An element as that of a Service that gets one more endpoint.
const ELEMENT: &str = "198.51.100.1 . 80";
/// How often one is added.
const ADDED: u16 = 20;

/// What nft takes, in milliseconds.
pub(super) struct ByHand {
    /// To load the table of a node.
    pub(super) load_ms: f64,
    /// To add one element to the map of endpoints.
    pub(super) change_ms: f64,
}

impl ByHand {
    /// Reads the table that skiff made in `node`, and loads it elsewhere; its text goes into `folder`.
    pub(super) fn measure(node: &Namespace, folder: &Path, rounds: u32) -> Result<Self> {
        let text = output(node.command("nft").args(["list", "table", "ip", "skiff"]))?;
        let file = folder.join("table.nft");
        // Loading a table adds to what is there.
        fs::write(
            &file,
            format!("table ip skiff\ndelete table ip skiff\n{text}"),
        )?;
        let elsewhere = Namespace::create(&format!("{}-nft", node.name()))?;
        let mut load_ms = Vec::new();
        for _ in 0..rounds {
            load_ms.push(time(elsewhere.command("nft").arg("-f").arg(&file))?);
        }
        let mut change_ms = Vec::new();
        for number in 0..ADDED {
            let element = format!("{{ {ELEMENT} . {number} : 198.51.100.2 . {number} }}");
            let words = ["add", "element", "ip", "skiff", "tcp_endpoints"];
            change_ms.push(time(elsewhere.command("nft").args(words).arg(element))?);
        }
        Ok(Self {
            load_ms: median(&load_ms),
            change_ms: median(&change_ms),
        })
    }
}

fn time(command: &mut std::process::Command) -> Result<f64> {
    let began = Instant::now();
    output(command)?;
    Ok(milliseconds(began.elapsed()))
}
