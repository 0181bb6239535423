//! A webhook as a configuration names it: a URL, or a Service of the cluster; and asking it.

use std::time::Duration;

use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::{Request, header};
use http_body_util::{BodyExt as _, Limited};
use serde::Deserialize;
use skiff_store::Store;
use tokio::time;

use super::words::of_answer;
use super::{Remote, Remotes, ServicePort, Trust};

/// Where a webhook is (WebhookClientConfig of admissionregistration and apiextensions).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ClientConfig {
    url: Option<String>,
    service: Option<Service>,
    /// PEM in base64.
    #[serde(default)]
    ca_bundle: String,
}

#[derive(Deserialize)]
struct Service {
    namespace: String,
    name: String,
    #[serde(default)]
    path: String,
    port: u16,
}

/// Why a webhook cannot be called.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unusable {
    #[error("the configuration cannot be read")]
    Read(#[from] serde_json::Error),
    #[error("the caBundle is no base64")]
    Bundle(#[from] base64::DecodeError),
    #[error("TLS cannot be set up")]
    Tls(#[from] rustls::Error),
}

/// A webhook, ready to be asked.
pub(crate) struct Webhook {
    /// Where it is, with the time that it has.
    url: String,
    remote: Remote,
    timeout: Duration,
}

impl ClientConfig {
    /// The webhook, which has `seconds` to answer.
    pub(crate) fn ready(
        self,
        store: &Store,
        remotes: &Remotes,
        seconds: u64,
    ) -> Result<Webhook, Unusable> {
        let trust = Trust {
            authorities_pem: BASE64.decode(&self.ca_bundle)?,
            ..Trust::default()
        };
        let (place, remote) = match self.service {
            Some(service) => {
                let path = service.path;
                let slash = if path.starts_with('/') { "" } else { "/" };
                let port = ServicePort {
                    namespace: service.namespace,
                    name: service.name,
                    port: service.port,
                };
                let place = format!("https://{}:{}{slash}{path}", port.host(), port.port);
                (place, remotes.of_service(store, &port, &trust)?)
            }
            None => (self.url.unwrap_or_default(), remotes.of_url(&trust)?),
        };
        Ok(Webhook {
            url: format!("{place}?timeout={seconds}s"),
            remote,
            timeout: Duration::from_secs(seconds),
        })
    }
}

impl Webhook {
    /// Sends a review; answers with what comes back, at most `most` bytes, or says why nothing does.
    pub(crate) async fn ask(&self, review: String, most: usize) -> Result<Vec<u8>, String> {
        let url = &self.url;
        let failed = |why: String| format!("Post {url:?}: {why}");
        let request = Request::post(url)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json, */*")
            .body(Body::from(review))
            .map_err(|error| failed(error.to_string()))?;
        let exchanged = async {
            let answer = self.remote.send(request).await;
            let answer = answer.map_err(|error| failed(error.to_string()))?;
            let code = answer.status();
            let body = Limited::new(answer.into_body(), most).collect();
            let body = body.await.map_err(|error| failed(error.to_string()))?;
            let bytes = Vec::from(body.to_bytes());
            match code.is_success() {
                true => Ok(bytes),
                false => Err(of_answer(code, &bytes)),
            }
        };
        let answered = time::timeout(self.timeout, exchanged).await;
        answered.unwrap_or_else(|_| Err(failed("context deadline exceeded".to_owned())))
    }
}
