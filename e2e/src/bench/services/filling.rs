//! Many Services in a cluster.

use std::ops::Range;

use anyhow::Result;
use tokio::task::JoinSet;

use super::in_kernel::in_kernel;
use super::objects::{endpoints, name, service, slice};
use crate::bench::client::ApiServer;
use crate::bench::space::Space;

/// How many create at a time, each with a connection of its own.
const WRITERS: usize = 32;

/// Where the slices of a namespace are.
pub(super) fn slices(space: &Space) -> String {
    format!(
        "/apis/discovery.k8s.io/v1/namespaces/{}/endpointslices",
        space.name()
    )
}

/// Creates the Services of these numbers and their slices, and waits until the kernel has them all.
pub(super) async fn fill(server: &ApiServer, space: &Space, numbers: Range<u32>) -> Result<()> {
    // The last one comes after all others, also to the kernel.
    let last = numbers.end - 1;
    let mut writing = JoinSet::new();
    for writer in 0..WRITERS {
        let numbers = (numbers.start..last).skip(writer).step_by(WRITERS);
        writing.spawn(create(server.clone(), paths(space), numbers));
    }
    while let Some(written) = writing.join_next().await {
        written??;
    }
    create(server.clone(), paths(space), last..=last).await?;
    let [endpoint, _] = endpoints(last);
    in_kernel(server, space, &[(last, endpoint)]).await?;
    Ok(())
}

/// Where Services and slices are created.
fn paths(space: &Space) -> [String; 2] {
    [space.path("services"), slices(space)]
}

async fn create(
    server: ApiServer,
    [services, slices]: [String; 2],
    numbers: impl Iterator<Item = u32>,
) -> Result<()> {
    let mut connection = server.connect().await?;
    for number in numbers {
        let service = service(&name(number));
        connection.create(&services, service).await?;
        connection.create(&slices, slice(number)).await?;
    }
    Ok(())
}
