//! The events of a watch as lines. An object's bytes are those of the store, shared by all its watchers.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use futures::stream;
use serde_json::{Value, json};
use skiff_api::{Descriptor, Status};

use super::{Accept, Form, form};
use crate::storage::{Event, Feed, object_of};

struct Lines<G> {
    accept: Accept,
    descriptor: Arc<Descriptor>,
    feed: Feed,
    ready: VecDeque<Bytes>,
    /// Whether the columns of a table have been sent: once is enough.
    columns_sent: bool,
    ended: bool,
    _guard: G,
}

/// The body of a watch. The guard is dropped when the watch ends, whoever ends it.
pub(super) fn body(
    accept: Accept,
    descriptor: Arc<Descriptor>,
    feed: Feed,
    guard: impl Send + 'static,
) -> Body {
    let lines = Lines {
        accept,
        descriptor,
        feed,
        ready: VecDeque::new(),
        columns_sent: false,
        ended: false,
        _guard: guard,
    };
    Body::from_stream(stream::unfold(lines, |mut lines| async move {
        let frame = lines.frame().await?;
        Some((Ok::<_, Infallible>(frame), lines))
    }))
}

impl<G> Lines<G> {
    async fn frame(&mut self) -> Option<Bytes> {
        while self.ready.is_empty() {
            if self.ended {
                return None;
            }
            for event in self.feed.next().await? {
                self.write(event);
            }
        }
        self.ready.pop_front()
    }

    fn write(&mut self, event: Event) {
        let (head, object) = match event {
            Event::Added(object) => (ADDED, self.shown(object)),
            Event::Modified(object) => (MODIFIED, self.shown(object)),
            Event::Deleted(object) => (DELETED, self.shown(object)),
            Event::Bookmark(revision, end) => {
                let bookmark = self.bookmark(revision.to_string(), end);
                (BOOKMARK, self.shown(bookmark))
            }
            Event::Error(status) => (ERROR, Err(status)),
        };
        let (head, object) = match object {
            Ok(object) => (head, object),
            Err(status) => {
                self.ended = true;
                (ERROR, status.to_json().to_string().into())
            }
        };
        let parts = [Bytes::from_static(head), object, Bytes::from_static(b"}\n")];
        self.ready.extend(parts);
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
    fn bookmark(&self, revision: String, end_of_initial: bool) -> Bytes {
        let mut metadata = json!({"resourceVersion": revision, "creationTimestamp": null});
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

const ADDED: &[u8] = b"{\"type\":\"ADDED\",\"object\":";
const MODIFIED: &[u8] = b"{\"type\":\"MODIFIED\",\"object\":";
const DELETED: &[u8] = b"{\"type\":\"DELETED\",\"object\":";
const BOOKMARK: &[u8] = b"{\"type\":\"BOOKMARK\",\"object\":";
const ERROR: &[u8] = b"{\"type\":\"ERROR\",\"object\":";
