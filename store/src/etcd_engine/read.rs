//! What etcd holds: all keys at a revision, and what happened after one.

use std::time::Duration;

use etcd_client::{Client, GetOptions, WatchOptions, WatchResponse, WatchStream};
use tokio::time::Instant;

use super::{
    layout::{Layout, number, revision},
    members::{etcd, within},
};
use crate::{EngineError, Record, Revision};

/// Keys a page. A page of the largest values stays far below what a message may be.
const PAGE_KEYS: i64 = 500;
/// How large an answer may be: as large as etcd makes them.
pub(super) const MAX_ANSWER_BYTES: usize = i32::MAX as usize;

/// All keys as they were at a revision, or are now, ordered as a log is; and the revision. Each page must come within `patience`.
pub(super) async fn list(
    member: &Client,
    layout: &Layout,
    at: Option<Revision>,
    patience: Duration,
) -> Result<(Revision, Vec<Record>), EngineError> {
    let doing = "list the keys";
    let mut reader = member
        .kv_client()
        .max_decoding_message_size(MAX_ANSWER_BYTES);
    let mut at = at.map_or(0, number);
    let mut from = layout.start();
    let mut records = Vec::new();
    loop {
        let options = GetOptions::new()
            .with_range(layout.end())
            .with_limit(PAGE_KEYS)
            .with_revision(at);
        let page = within(Instant::now() + patience, reader.get(from, Some(options)));
        let page = page.await.ok_or(EngineError::EtcdSilent { doing })?;
        let mut page = page.map_err(etcd(doing))?;
        if at == 0 {
            at = page.header().map_or(0, |header| header.revision());
        }
        let more = page.more();
        let mut last = Vec::new();
        for stored in page.take_kvs() {
            records.push(Record::Put(layout.entry(&stored)?));
            (last, _) = stored.into_key_value();
        }
        if !more {
            in_order(&mut records);
            return Ok((revision(at), records));
        }
        last.push(0);
        from = last;
    }
}

/// Begins to watch, from the first change after a revision.
pub(super) async fn watch(
    member: &Client,
    layout: &Layout,
    after: Revision,
    deadline: Instant,
) -> Result<WatchStream, EngineError> {
    let doing = "watch";
    let options = WatchOptions::new()
        .with_range(layout.end())
        .with_start_revision(number(after.next()));
    let mut watcher = member
        .watch_client()
        .max_decoding_message_size(MAX_ANSWER_BYTES);
    let begun = within(deadline, watcher.watch(layout.start(), Some(options))).await;
    begun
        .ok_or(EngineError::EtcdSilent { doing })?
        .map_err(etcd(doing))
}

/// What an answer of a watch after `known` says, ordered as a log is. It has all of a revision, or nothing.
pub(super) fn records(
    layout: &Layout,
    answer: &WatchResponse,
    known: Revision,
) -> Result<Vec<Record>, EngineError> {
    if answer.compact_revision() > 0 {
        return Err(EngineError::EtcdCompacted {
            known,
            oldest: revision(answer.compact_revision()),
        });
    }
    if answer.canceled() {
        let reason = answer.cancel_reason().to_owned();
        return Err(EngineError::EtcdCancelled { reason });
    }
    let records = answer.events().iter().map(|event| layout.record(event));
    let mut records = records.collect::<Result<Vec<_>, _>>()?;
    in_order(&mut records);
    Ok(records)
}

/// What happened after one revision, up to another at which something did.
pub(super) async fn between(
    member: &Client,
    layout: &Layout,
    after: Revision,
    up_to: Revision,
    patience: Duration,
) -> Result<Vec<Record>, EngineError> {
    let doing = "tell what happened";
    let mut stream = watch(member, layout, after, Instant::now() + patience).await?;
    let mut told = Vec::new();
    let mut reached = after;
    while reached < up_to {
        let answer = within(Instant::now() + patience, stream.message()).await;
        let answer = answer.ok_or(EngineError::EtcdSilent { doing })?;
        let answer = answer.map_err(etcd(doing))?;
        let answer = answer.ok_or(EngineError::EtcdSilent { doing })?;
        told.extend(records(layout, &answer, reached)?);
        reached = told.last().map_or(reached, Record::revision);
    }
    told.retain(|record| record.revision() <= up_to);
    Ok(told)
}

fn in_order(records: &mut [Record]) {
    records.sort_by(|a, b| (a.revision(), a.key()).cmp(&(b.revision(), b.key())));
}
