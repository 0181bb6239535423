//! Custom resources in another version, as a webhook of their definition makes them
//! (<https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definition-versioning/#webhook-conversion>).
//!
//! In: objects, and the version that is wanted. Out: the objects in that version, or why there are none.
//!
//! ```text
//!   objects ──► batches ──► review (ConversionReview) ──► the webhook (over `remote`) ──► review ──► metadata (stays) ──► objects
//! ```

mod metadata;
mod review;

use serde::Deserialize;
use serde_json::Value;
use skiff_api::{Reason, Status};
use skiff_store::Store;
use uuid::Uuid;

use crate::remote::{ClientConfig, Remotes, Unusable, Webhook};

/// The versions of ConversionReview that this server speaks.
const REVIEW_VERSIONS: [&str; 2] = ["v1", "v1beta1"];
/// How long a webhook may take (as the API server of Kubernetes).
const TIMEOUT_SECONDS: u64 = 30;
/// When a request has so many bytes of objects, the next objects go into another one.
const BATCH_BYTES: usize = 1 << 20;
/// The most of an answer that is read.
const ANSWER_BYTES: usize = 16 << 20;

/// What a definition says of its webhook.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WebhookConversion {
    client_config: ClientConfig,
    conversion_review_versions: Vec<String>,
}

/// The webhook that converts the objects of a definition.
pub(crate) struct Converter {
    webhook: Webhook,
    /// `v1` or `v1beta1`; none if the webhook speaks neither.
    review_version: Option<&'static str>,
}

impl Converter {
    /// The webhook that a definition wants to be asked, if it does.
    pub(crate) fn of(
        definition: &Value,
        store: &Store,
        remotes: &Remotes,
    ) -> Result<Option<Self>, Unusable> {
        let conversion = &definition["spec"]["conversion"];
        if conversion["strategy"] != "Webhook" {
            return Ok(None);
        }
        let wanted = WebhookConversion::deserialize(&conversion["webhook"])?;
        let mut versions = wanted.conversion_review_versions.iter();
        let known = |version: &String| REVIEW_VERSIONS.into_iter().find(|known| known == version);
        Ok(Some(Self {
            webhook: wanted
                .client_config
                .ready(store, remotes, TIMEOUT_SECONDS)?,
            review_version: versions.find_map(known),
        }))
    }

    /// The objects in a version such as `example.com/v1`, in their order. Their metadata stays but for labels and
    /// annotations.
    ///
    /// # Errors
    /// 500 in the words of Kubernetes if the webhook cannot be asked, or what it answers is no conversion.
    pub(crate) async fn convert(
        &self,
        objects: &[Value],
        version: &str,
    ) -> Result<Vec<Value>, Status> {
        let mut converted = Vec::with_capacity(objects.len());
        let (mut batch, mut bytes) = (Vec::new(), 0);
        for (at, object) in objects.iter().enumerate() {
            let text = object.to_string();
            bytes += text.len();
            batch.push(text);
            if bytes >= BATCH_BYTES || at + 1 == objects.len() {
                let originals = &objects[at + 1 - batch.len()..=at];
                converted.extend(self.ask(originals, &batch, version).await?);
                batch.clear();
                bytes = 0;
            }
        }
        Ok(converted)
    }

    /// One request; `texts` are the objects as they are sent.
    async fn ask(
        &self,
        originals: &[Value],
        texts: &[String],
        version: &str,
    ) -> Result<Vec<Value>, Status> {
        let failed = |why: String| failure(&originals[0], &format!("failed: {why}"));
        let Some(review_version) = self.review_version else {
            let words = "no supported conversion review versions";
            return Err(Status::new(Reason::Unknown, words));
        };
        let uid = Uuid::new_v4().to_string();
        let request = review::request(review_version, &uid, version, texts);
        let answer = self.webhook.ask(request, ANSWER_BYTES).await;
        let answer = answer.and_then(|bytes| review::read(&bytes, review_version, &uid));
        let mut converted = answer.map_err(failed)?;
        if converted.len() != originals.len() {
            let (got, expected) = (converted.len(), originals.len());
            let words = format!("returned {got} objects, expected {expected}");
            return Err(failure(&originals[0], &words));
        }
        for (original, converted) in originals.iter().zip(&mut converted) {
            let refused = |words: String| failure(original, &words);
            metadata::check(original, converted, version).map_err(refused)?;
            let restored = metadata::restore(original, converted);
            restored.map_err(|why| refused(format!("returned invalid metadata: {why}")))?;
        }
        Ok(converted)
    }
}

/// 500: `conversion webhook for example.com/v1, Kind=Thing failed: why`.
pub(crate) fn failure(object: &Value, words: &str) -> Status {
    let text = |field: &str| object[field].as_str().unwrap_or_default();
    let kind = format!("{}, Kind={}", text("apiVersion"), text("kind"));
    Status::new(
        Reason::Unknown,
        format!("conversion webhook for {kind} {words}"),
    )
}
