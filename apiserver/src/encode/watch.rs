//! The events of a watch as lines of JSON or frames of protobuf, for as long as it lasts.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use futures::stream;
use serde_json::{Value, json};
use skiff_api::{Descriptor, Status, encode_protobuf_event};
use skiff_store::{Entry, Revision};

use super::lines::{SharedLines, write};
use super::{Accept, Encoding, Form, form};
use crate::codec::object_of;
use crate::storage::{Event, Feed};

struct Lines<G> {
    shared: Arc<SharedLines>,
    accept: Accept,
    descriptor: Arc<Descriptor>,
    feed: Feed,
    /// Events that are still to be written: a line is made when it can be sent, for the first events may be many.
    events: VecDeque<Event>,
    /// Whether the columns of a table have been sent: once is enough.
    columns_sent: bool,
    ended: bool,
    _guard: G,
}

/// The body of a watch. The guard is dropped when the watch ends, whoever ends it.
pub(super) fn body(
    shared: Arc<SharedLines>,
    accept: Accept,
    descriptor: Arc<Descriptor>,
    feed: Feed,
    guard: impl Send + 'static,
) -> Body {
    let lines = Lines {
        shared,
        accept,
        descriptor,
        feed,
        events: VecDeque::new(),
        columns_sent: false,
        ended: false,
        _guard: guard,
    };
    Body::from_stream(stream::unfold(lines, |mut lines| async move {
        let line = lines.next().await?;
        Some((Ok::<_, Infallible>(line), lines))
    }))
}

impl<G> Lines<G> {
    async fn next(&mut self) -> Option<Bytes> {
        if self.ended {
            return None;
        }
        while self.events.is_empty() {
            self.events = self.feed.next().await?.into();
        }
        let event = self.events.pop_front()?;
        if self.events.is_empty() {
            // The first events may have been many, and nothing may come for long.
            self.events = VecDeque::new();
        }
        let line = self.line(event);
        Some(line.unwrap_or_else(|status| {
            self.ended = true;
            let shown = form::encode(&status.to_json(), &self.accept);
            self.event("ERROR", &shown.unwrap_or_default())
        }))
    }

    fn line(&mut self, event: Event) -> Result<Bytes, Status> {
        match event {
            Event::Added(entry) => self.object("ADDED", &entry, entry.revision),
            Event::Modified(entry) => self.object("MODIFIED", &entry, entry.revision),
            Event::Deleted(previous, revision) => self.object("DELETED", &previous, revision),
            Event::Bookmark(revision, end) => {
                let bookmark = self.bookmark(revision, end);
                let shown = self.shown(bookmark)?;
                Ok(self.event("BOOKMARK", &shown))
            }
            Event::Error(status) => Err(status),
        }
    }

    fn object(
        &mut self,
        kind: &'static str,
        entry: &Entry,
        revision: Revision,
    ) -> Result<Bytes, Status> {
        if self.accept.is_as_stored() {
            return Ok(self.shared.line(kind, entry, revision));
        }
        let shown = self.shown(entry.value_at(revision))?;
        Ok(self.event(kind, &shown))
    }

    /// The line, or the frame, of an event.
    fn event(&self, kind: &str, shown: &[u8]) -> Bytes {
        match self.accept.encoding {
            Encoding::Protobuf => encode_protobuf_event(kind, shown).into(),
            _ => write(kind, shown),
        }
    }

    fn shown(&mut self, object: Bytes) -> Result<Bytes, Status> {
        let shown = form::object(&self.accept, &self.descriptor, object)?;
        let is_table = matches!(self.accept.form, Form::Table(_));
        if !is_table || !std::mem::replace(&mut self.columns_sent, true) {
            return Ok(shown);
        }
        let mut table = object_of(&shown)?;
        table["columnDefinitions"] = Value::Null;
        Ok(table.to_string().into())
    }

    /// An object that has nothing but its kind and a resource version.
    fn bookmark(&self, revision: Revision, end_of_initial: bool) -> Bytes {
        let version = revision.to_string();
        let mut metadata = json!({"resourceVersion": version, "creationTimestamp": null});
        if end_of_initial {
            metadata["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        json!({
            "kind": self.descriptor.kind,
            "apiVersion": self.descriptor.api_version(),
            "metadata": metadata,
        })
        .to_string()
        .into()
    }
}
