//! What other servers say of the form of their objects (OpenAPI): where that is, found whenever they are looked at; and
//! their v2 documents, when somebody asks for the one of everything.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::future::join_all;
use serde_json::Value;

use super::backend::Document;
use super::{Aggregation, Backend, ask};

/// The most of a server's index that is read.
const INDEX_BYTES: usize = 1 << 20;
/// The most of a server's v2 document that is read: that of all built-in kinds has half as much.
const DOCUMENT_BYTES: usize = 8 << 20;
/// How long a document is good (as the aggregator of Kubernetes).
const PERIOD: Duration = Duration::from_secs(60);

/// Takes out of a v2 document what it says of a version of a group.
type Part = fn(&Value, &str, &str) -> Value;

/// Where a server has the schemas of its group, by its own index; none if it does not tell.
pub(super) async fn find(backend: &Backend) -> Option<String> {
    let index = ask::get(backend, "/openapi/v3", INDEX_BYTES).await.ok()?;
    let url = &index["paths"][backend.path()]["serverRelativeURL"];
    let url = url.as_str().filter(|url| url.starts_with('/'));
    url.map(str::to_owned)
}

impl Aggregation {
    /// What the servers that are there add to the v2 document, each its `part`.
    pub(crate) async fn documents(&self, part: Part) -> Vec<Bytes> {
        let mut backends = self.backends();
        backends.retain(|backend| backend.is_available());
        let documents = backends.iter().map(|backend| document(backend, part));
        let documents = join_all(documents).await;
        documents.into_iter().flatten().collect()
    }
}

async fn document(backend: &Backend, part: Part) -> Option<Bytes> {
    let known = backend.document();
    if let Some(known) = known.as_ref().filter(|it| it.since.elapsed() < PERIOD) {
        return known.part.clone();
    }
    let (group, version) = backend.group_version();
    let part = match ask::get(backend, "/openapi/v2", DOCUMENT_BYTES).await {
        Ok(document) => Some(part(&document, group, version).to_string().into()),
        Err(why) => {
            tracing::debug!(why, "another server tells no schemas");
            known.and_then(|known| known.part)
        }
    };
    let since = Instant::now();
    backend.documented(Document {
        part: part.clone(),
        since,
    });
    part
}
