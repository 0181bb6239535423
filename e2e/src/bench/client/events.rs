//! A watch, event by event.

use anyhow::{Context, Result, bail};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::Value;

use super::Connection;

/// What happened, `ADDED`, `MODIFIED` or `DELETED`, and to what.
#[derive(Debug, Deserialize)]
pub(in crate::bench) struct Event {
    #[serde(rename = "type")]
    pub(in crate::bench) kind: String,
    pub(in crate::bench) object: Value,
}

/// The events of a watch, which ends when this is dropped.
#[derive(Debug)]
pub(in crate::bench) struct Events {
    body: Incoming,
    /// What came after the last whole line, looked through up to `searched`.
    buffer: BytesMut,
    searched: usize,
    _connection: Connection,
}

impl Events {
    pub(super) fn new(body: Incoming, connection: Connection) -> Self {
        Self {
            body,
            buffer: BytesMut::new(),
            searched: 0,
            _connection: connection,
        }
    }

    /// The next event as the server wrote it. Safe to cancel.
    pub(in crate::bench) async fn next_line(&mut self) -> Result<Bytes> {
        loop {
            let rest = &self.buffer[self.searched..];
            if let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                let line = self.buffer.split_to(self.searched + end + 1);
                self.searched = 0;
                return Ok(line.freeze());
            }
            self.searched = self.buffer.len();
            let frame = self.body.frame().await.context("the watch ended")??;
            if let Ok(data) = frame.into_data() {
                self.buffer.extend_from_slice(&data);
            }
        }
    }

    /// The next event. Safe to cancel.
    ///
    /// # Errors
    /// If the event is an error, for then no others follow.
    pub(in crate::bench) async fn next_event(&mut self) -> Result<Event> {
        let event: Event = serde_json::from_slice(&self.next_line().await?)?;
        if event.kind == "ERROR" {
            bail!("the watch ended with {}", event.object);
        }
        Ok(event)
    }

    /// The object of the next event; fails as [`Self::next_event`] does.
    pub(in crate::bench) async fn next(&mut self) -> Result<Value> {
        Ok(self.next_event().await?.object)
    }
}
