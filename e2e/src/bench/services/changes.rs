//! Endpoints change at a steady rate, and the trace tells when the kernel had each of them.

use std::time::{Duration, Instant};

use anyhow::Result;
use jiff::Timestamp;
use tokio::time::{MissedTickBehavior, interval};

use super::clocks::Offset;
use super::filling::slices;
use super::in_kernel::in_kernel;
use super::objects::{changed_slice, fresh_endpoint, name};
use crate::bench::client::ApiServer;
use crate::bench::space::Space;
use crate::bench::statistics::Samples;

/// `count` of so many Services, all over them.
pub(super) fn spread(count: u32, services: u32) -> Vec<u32> {
    let count = count.min(services);
    (0..count)
        .map(|change| change * (services / count))
        .collect()
}

/// How long changes took.
pub(super) struct Changes {
    /// From the request until the kernel had acknowledged the endpoint.
    pub(super) in_kernel: Samples,
    /// From the request until the API server had answered it; the proxy hears of it at about that time.
    pub(super) answered: Samples,
}

/// Replaces an endpoint of each of these Services, one in each `pause`. `offset` leads from the clock of the node to the
/// one here.
pub(super) async fn change(
    server: &ApiServer,
    space: &Space,
    services: &[u32],
    pause: Duration,
    offset: Offset,
) -> Result<Changes> {
    let mut connection = server.connect().await?;
    let (mut began, mut answered) = (Vec::new(), Vec::new());
    let mut ticks = interval(pause);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for service in services {
        let path = format!("{}/{}", slices(space), name(*service));
        ticks.tick().await;
        began.push(Timestamp::now());
        let asked = Instant::now();
        connection.replace(&path, changed_slice(*service)).await?;
        answered.push(asked.elapsed());
    }
    let fresh = services.iter().map(|one| (*one, fresh_endpoint(*one)));
    let fresh: Vec<_> = fresh.collect();
    let reached = in_kernel(server, space, &fresh).await?;
    let took = |((_, endpoint), began): (&(u32, _), Timestamp)| {
        let took = offset.here(reached[endpoint]).duration_since(began);
        took.try_into().unwrap_or_default()
    };
    Ok(Changes {
        in_kernel: fresh.iter().zip(began).map(took).collect(),
        answered: answered.into_iter().collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_all_over_the_services() {
        assert_eq!(spread(4, 100), [0, 25, 50, 75]);
        assert_eq!(spread(200, 3), [0, 1, 2]);
    }
}
