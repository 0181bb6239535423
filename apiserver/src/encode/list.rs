//! A list stitched from the bytes that the store holds: nothing is parsed, and no more than a piece is copied at a time.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::vec;

use bytes::{BufMut as _, Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use skiff_api::Descriptor;
use skiff_store::Entry;

use super::form;
use crate::storage::Listing;

/// How much is sent at once.
const PIECE_BYTES: usize = 64 << 10;
const END: &[u8] = b"]}\n";

/// The body of a list.
pub(crate) struct Stitched {
    head: Option<Bytes>,
    items: vec::IntoIter<Entry>,
    first: bool,
    /// Bytes that are still to come.
    left: u64,
}

impl Stitched {
    /// The list of a kind's objects.
    pub(crate) fn new(descriptor: &Descriptor, listing: Listing) -> Self {
        let head = format!(
            "{{\"kind\":\"{}\",\"apiVersion\":\"{}\",\"metadata\":{},\"items\":[",
            descriptor.list_kind(),
            descriptor.api_version(),
            form::metadata(&listing),
        );
        let items = listing.entries;
        let commas = items.len().saturating_sub(1);
        let bytes: usize = items.iter().map(|entry| entry.value.len()).sum();
        Self {
            left: (head.len() + bytes + commas + END.len()) as u64,
            head: Some(head.into()),
            items: items.into_iter(),
            first: true,
        }
    }

    fn piece(&mut self) -> Option<Bytes> {
        if self.left == 0 {
            return None;
        }
        let room = PIECE_BYTES.min(self.left as usize);
        let mut piece = BytesMut::with_capacity(room + 4096);
        if let Some(head) = self.head.take() {
            piece.put(head);
        }
        while piece.len() < PIECE_BYTES {
            let Some(entry) = self.items.next() else {
                piece.put_slice(END);
                break;
            };
            if !std::mem::take(&mut self.first) {
                piece.put_u8(b',');
            }
            piece.put_slice(&entry.value);
        }
        self.left = self.left.saturating_sub(piece.len() as u64);
        Some(piece.freeze())
    }
}

impl Body for Stitched {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.piece().map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt as _;
    use serde_json::{Value, json};
    use skiff_api::{Plain, Scope, Subresources};
    use skiff_store::{Key, Revision, Value as Stored};
    use std::sync::Arc;

    fn descriptor() -> Descriptor {
        Descriptor {
            group: "".into(),
            version: "v1".into(),
            kind: "Pod".into(),
            plural: "pods".into(),
            singular: "pod".into(),
            short_names: Vec::new(),
            categories: Vec::new(),
            scope: Scope::Namespaced,
            verbs: Vec::new(),
            subresources: Subresources::default(),
            type_name: "".into(),
            strategy: Arc::new(Plain),
        }
    }

    #[tokio::test]
    async fn a_list_is_one_json_text_of_the_size_it_promises() {
        for count in [0usize, 1, 2, 500] {
            let entries = (0..count).map(|number| {
                let object = json!({"number": number, "text": "x".repeat(number)});
                let key = Key::new(format!("/{number}")).unwrap();
                Entry::new(
                    key,
                    &Stored::plain(object.to_string()),
                    Revision(1),
                    Revision(1),
                )
            });
            let listing = Listing {
                revision: Revision(7),
                entries: entries.collect(),
                next: Some("token".into()),
                remaining: None,
            };
            let body = Stitched::new(&descriptor(), listing);
            let promised = body.size_hint().exact().unwrap();
            let bytes = body.collect().await.unwrap().to_bytes();
            assert_eq!(bytes.len() as u64, promised, "{count} items");
            let list: Value = serde_json::from_slice(&bytes).unwrap();
            assert_eq!(list["kind"], "PodList");
            let metadata = json!({"resourceVersion": "7", "continue": "token"});
            assert_eq!(list["metadata"], metadata);
            assert_eq!(list["items"].as_array().unwrap().len(), count);
        }
    }
}
