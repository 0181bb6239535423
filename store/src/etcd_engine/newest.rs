//! How far the commits of all are, by a read that most members must agree on.

use std::time::Duration;

use etcd_client::{Client, GetOptions};
use tokio::time::{Instant, sleep};

use super::{
    layout::{Layout, revision},
    members::{Members, etcd, within},
};
use crate::{EngineError, Revision};

/// How long an attempt may take: another member may answer.
const ATTEMPT: Duration = Duration::from_secs(3);
/// Before the next attempt.
const PAUSE: Duration = Duration::from_millis(50);
const DOING: &str = "tell the newest revision";

/// The newest revision under our prefix; zero if nobody has committed there.
pub(super) async fn newest(
    members: &Members,
    layout: &Layout,
    deadline: Instant,
) -> Result<Revision, EngineError> {
    loop {
        let member = members.sound(deadline).await?;
        let error = match attempt(member, layout, deadline.min(Instant::now() + ATTEMPT)).await {
            Ok(newest) => return Ok(newest),
            Err(error) => error,
        };
        members.suspect();
        if Instant::now() + PAUSE >= deadline {
            return Err(error);
        }
        sleep(PAUSE).await;
    }
}

async fn attempt(
    member: &Client,
    layout: &Layout,
    deadline: Instant,
) -> Result<Revision, EngineError> {
    let options = GetOptions::new().with_keys_only();
    let mut reader = member.kv_client();
    let read = within(deadline, reader.get(layout.mark(), Some(options))).await;
    let read = read.ok_or(EngineError::EtcdSilent { doing: DOING })?;
    let read = read.map_err(etcd(DOING))?;
    let mark = read.kvs().first();
    Ok(mark.map_or(Revision::ZERO, |mark| revision(mark.mod_revision())))
}
