//! How long Services are away when a node starts that has none of their rules.

use std::net::{SocketAddrV4, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::Cluster;
use crate::bench::inside::Inside;
use crate::bench::statistics::milliseconds;
use crate::command::output;

/// Bounds the wait for the rules.
const WITHIN: Duration = Duration::from_secs(60);
/// How long one waits between two tries: before the rules are there, the node refuses at once.
const BETWEEN_TRIES: Duration = Duration::from_millis(2);

/// Stops skiff, takes its rules away, starts it, and returns the milliseconds until the Service answers. All rules are
/// loaded at once, so that one tells of all.
pub(super) fn measure(
    cluster: &mut Cluster,
    inside: &Inside,
    service: SocketAddrV4,
) -> Result<f64> {
    cluster.stop()?;
    let node = cluster.namespace();
    output(node.command("nft").args(["delete", "table", "ip", "skiff"]))?;
    let began = Instant::now();
    let answered = inside.start(async move {
        let answering = tokio::task::spawn_blocking(move || until_it_answers(service));
        answering.await?
    });
    cluster.up()?;
    let answered = inside.wait(answered)?;
    Ok(milliseconds(answered.duration_since(began)))
}

fn until_it_answers(service: SocketAddrV4) -> Result<Instant> {
    let began = Instant::now();
    loop {
        match TcpStream::connect_timeout(&service.into(), WITHIN) {
            Ok(_) => return Ok(Instant::now()),
            Err(_) if began.elapsed() < WITHIN => std::thread::sleep(BETWEEN_TRIES),
            refused => {
                refused.with_context(|| format!("{service} does not answer after {WITHIN:?}"))?;
            }
        }
    }
}
