//! What skiff itself keeps in the cluster: made if it is not there, set right if somebody changed it.

use std::fmt::Debug;
use std::time::Duration;

use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::sleep;

use crate::{is_already_exists, is_not_found};

/// Before what failed is tried again; twice as long each time, up to a bound.
const PAUSE: Duration = Duration::from_secs(1);
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// Makes an object, or sets one that is there already right in all that is wanted; what else it has stays. `wanted` has its
/// kind and name. Others may do the same at the same time, and nothing is written if all is as it should be.
///
/// # Errors
/// Those of the API server.
pub async fn ensure<K>(api: &Api<K>, wanted: &Value) -> anyhow::Result<()>
where
    K: Clone + Debug + Serialize + DeserializeOwned,
{
    match set_right(api, wanted).await {
        Err(error) if is_not_found(&error) => {}
        done => return done,
    }
    match make(api, wanted).await? {
        true => Ok(()),
        false => set_right(api, wanted).await,
    }
}

/// Makes an object; `false` if there is one of its name, which stays as it is.
///
/// # Errors
/// Those of the API server.
pub async fn make<K>(api: &Api<K>, wanted: &Value) -> anyhow::Result<bool>
where
    K: Clone + Debug + Serialize + DeserializeOwned,
{
    let new = serde_json::from_value(wanted.clone())?;
    let made = api.create(&PostParams::default(), &new).await;
    match made.map_err(anyhow::Error::new) {
        Ok(_) => Ok(true),
        Err(error) if is_already_exists(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

async fn set_right<K>(api: &Api<K>, wanted: &Value) -> anyhow::Result<()>
where
    K: Clone + Debug + DeserializeOwned,
{
    let name = wanted["metadata"]["name"].as_str().unwrap_or_default();
    api.patch(name, &PatchParams::default(), &Patch::Merge(wanted))
        .await?;
    Ok(())
}

/// Tries until it succeeds, with growing pauses. No refusal is for good: a webhook may refuse because its server was on a
/// machine that is lost, and an address may become free.
pub async fn insist<F>(doing: &'static str, mut attempt: impl FnMut() -> F)
where
    F: Future<Output = anyhow::Result<()>>,
{
    let mut pause = PAUSE;
    while let Err(error) = attempt().await {
        let error = format!("{error:#}");
        tracing::warn!(doing, error, "failed, it is tried again");
        sleep(pause).await;
        pause = (pause * 2).min(MAX_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::Arc;

    use http::{Method, Request, Response, StatusCode};
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::Client;
    use kube::client::Body;
    use parking_lot::Mutex;
    use serde_json::json;
    use tokio::time::Instant;

    use super::*;

    const PATCHED: (Method, u16) = (Method::PATCH, 200);
    const MISSING: (Method, u16) = (Method::PATCH, 404);
    const MADE: (Method, u16) = (Method::POST, 201);
    const EXISTS: (Method, u16) = (Method::POST, 409);
    const FORBIDDEN: (Method, u16) = (Method::POST, 403);

    /// What an API server is yet to be asked and to say.
    type Left = Arc<Mutex<Vec<(Method, u16)>>>;

    /// An API server that says this in turn.
    fn client(says: &[(Method, u16)]) -> (Client, Left) {
        let left: Vec<_> = says.iter().rev().cloned().collect();
        let left = Arc::new(Mutex::new(left));
        let rest = Arc::clone(&left);
        let service = tower::service_fn(move |request: Request<Body>| {
            let (method, code) = left.lock().pop().expect("an answer");
            assert_eq!(request.method(), method);
            let reason = if code == 409 { "AlreadyExists" } else { "" };
            let body = match code {
                200 | 201 => wanted(),
                code => {
                    json!({"status": "Failure", "message": "no", "reason": reason, "code": code})
                }
            };
            let mut response = Response::new(Body::from(body.to_string().into_bytes()));
            *response.status_mut() = StatusCode::from_u16(code).expect("a code");
            async move { Ok::<_, Infallible>(response) }
        });
        (Client::new(service, "default"), rest)
    }

    fn wanted() -> Value {
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}})
    }

    #[tokio::test]
    async fn what_is_missing_is_made_and_what_stands_is_set_right() {
        // What the server says, and whether all is well then.
        let cases: &[(&[(Method, u16)], bool)] = &[
            (&[PATCHED], true),
            (&[MISSING, MADE], true),
            (&[MISSING, EXISTS, PATCHED], true),
            (&[MISSING, FORBIDDEN], false),
            (&[MISSING, EXISTS, MISSING], false),
        ];
        for (says, expected) in cases {
            let (client, left) = client(says);
            let api = Api::<ConfigMap>::default_namespaced(client);
            let done = ensure(&api, &wanted()).await;
            assert_eq!(done.is_ok(), *expected, "{says:?}: {done:?}");
            assert!(left.lock().is_empty(), "{says:?}");
        }
    }

    #[tokio::test]
    async fn what_is_only_made_is_left_alone() {
        for (says, expected) in [(MADE, true), (EXISTS, false)] {
            let (client, _) = client(&[says]);
            let api = Api::<ConfigMap>::default_namespaced(client);
            assert_eq!(make(&api, &wanted()).await.expect("no error"), expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_fails_is_tried_again_after_growing_pauses() {
        let began = Instant::now();
        let mut attempts = 0;
        let attempt = || {
            attempts += 1;
            let is_done = attempts == 8;
            async move { is_done.then_some(()).ok_or(anyhow::anyhow!("refused")) }
        };
        insist("test", attempt).await;
        let seconds = 1 + 2 + 4 + 8 + 16 + 30 + 30;
        assert_eq!(began.elapsed().as_secs(), seconds);
    }
}
