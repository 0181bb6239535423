//! One batch on its way to etcd: sent again as long as it is certain that it will be written once at most.

use std::time::Duration;

use etcd_client::{Client, Error, TxnOpResponse, TxnResponse};
use tokio::time::{Instant, sleep};

use super::{
    layout::{Layout, revision},
    members::{Members, within},
    read::MAX_ANSWER_BYTES,
    txn,
};
use crate::{Batch, CommitError, EngineError, Verdict};

/// How long an attempt may take that can be made again. After the loss of its leader etcd leaves those under way without an
/// answer for seven seconds, but takes new ones as soon as there is another.
const ATTEMPT: Duration = Duration::from_secs(3);
/// Before a batch is sent again.
const PAUSE: Duration = Duration::from_millis(50);

/// What became of an attempt.
enum Fate {
    Answered(Verdict),
    /// etcd did not even try.
    NotTaken,
    /// It may have been written, or be written yet.
    Lost,
}

/// Commits a batch. An error means that etcd holds what is not ours.
pub(super) async fn write(
    members: &Members,
    layout: &Layout,
    batch: &Batch,
    deadline: Instant,
) -> Result<Verdict, EngineError> {
    if let Err(error) = txn::fits(layout, batch) {
        return Ok(Err(error));
    }
    let repeatable = txn::is_repeatable(batch);
    let mut lost = false;
    while let Ok(member) = members.sound(deadline).await {
        // Those before it in its group have taken all the time: no fault of the member.
        if Instant::now() >= deadline {
            break;
        }
        let patience = match repeatable {
            true => deadline.min(Instant::now() + ATTEMPT),
            false => deadline,
        };
        match attempt(member, layout, batch, patience).await? {
            Fate::Answered(Err(error)) if lost => return Ok(txn::sent_before(batch, &error)),
            Fate::Answered(verdict) => return Ok(verdict),
            Fate::NotTaken => {}
            Fate::Lost => lost = true,
        }
        members.suspect();
        if lost && !repeatable {
            break;
        }
        sleep(PAUSE).await;
    }
    Ok(Err(match lost {
        true => CommitError::Unknown,
        false => CommitError::Unavailable,
    }))
}

async fn attempt(
    member: &Client,
    layout: &Layout,
    batch: &Batch,
    deadline: Instant,
) -> Result<Fate, EngineError> {
    let mut writer = member
        .kv_client()
        .max_decoding_message_size(MAX_ANSWER_BYTES);
    let answer = within(deadline, writer.txn(txn::build(layout, batch))).await;
    match answer {
        Some(Ok(answer)) => read(layout, batch, &answer).map(Fate::Answered),
        Some(Err(error)) => {
            tracing::warn!(%error, "etcd has not committed");
            Ok(fate(layout, batch, &error))
        }
        None => {
            tracing::warn!("etcd does not answer a commit");
            Ok(Fate::Lost)
        }
    }
}

/// What etcd has answered.
fn read(layout: &Layout, batch: &Batch, answer: &TxnResponse) -> Result<Verdict, EngineError> {
    if answer.succeeded() {
        let number = answer.header().map_or(0, |header| header.revision());
        return Ok(Ok(revision(number)));
    }
    let read = answer.op_responses().into_iter().map(|read| match read {
        TxnOpResponse::Get(got) => got.kvs().first().map(|stored| layout.entry(stored)),
        _ => None,
    });
    let read = read.map(Option::transpose).collect::<Result<_, _>>()?;
    txn::refusal(batch, read).map(Err)
}

/// Its words are part of etcd's interface: clients know errors by them
/// (<https://pkg.go.dev/go.etcd.io/etcd/api/v3/v3rpc/rpctypes>).
fn fate(layout: &Layout, batch: &Batch, error: &Error) -> Fate {
    let message = match error {
        Error::GRpcStatus(status) => status.message(),
        _ => return Fate::Lost,
    };
    match message {
        "etcdserver: no leader" | "etcdserver: too many requests" => Fate::NotTaken,
        "etcdserver: request is too large" => Fate::Answered(Err(txn::too_large(layout, batch))),
        "etcdserver: mvcc: database space exceeded" => Fate::Answered(Err(CommitError::DiskFull)),
        _ => Fate::Lost,
    }
}
