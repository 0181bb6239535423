//! Plain requests, to see answers as they are.

use http::{HeaderMap, Method, Request};
use http_body_util::BodyExt as _;
use kube::Client;
use kube::client::Body;
use serde_json::Value;

use crate::support::within;

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    /// The body; the request must have succeeded.
    pub(crate) fn ok(self) -> Value {
        assert!(self.code < 300, "{}: {}", self.code, self.body);
        self.body
    }

    /// Code, reason and message; the request must have failed.
    pub(crate) fn refused(self) -> (u16, String, String) {
        assert!(self.code >= 400, "{}: {}", self.code, self.body);
        assert_eq!(self.body["kind"], "Status");
        assert_eq!(self.body["code"], self.code);
        let text = |field: &str| self.body[field].as_str().unwrap_or_default().to_owned();
        (self.code, text("reason"), text("message"))
    }

    /// The message of a failure.
    pub(crate) fn message(self) -> String {
        self.refused().2
    }

    /// The texts of the `Warning` headers.
    pub(crate) fn warnings(&self) -> Vec<&str> {
        let warnings = self.headers.get_all("warning").iter();
        warnings.map(|value| value.to_str().unwrap()).collect()
    }
}

/// Sends requests by a client.
#[derive(Clone)]
pub(crate) struct Http(pub(crate) Client);

impl Http {
    pub(crate) async fn send(&self, request: Request<Vec<u8>>) -> Answer {
        let request = request.map(Body::from);
        let response = within(self.0.send(request)).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = within(body.collect()).await.unwrap().to_bytes();
        let text = || Value::String(String::from_utf8_lossy(&bytes).into_owned());
        Answer {
            code: parts.status.as_u16(),
            headers: parts.headers,
            body: serde_json::from_slice(&bytes).unwrap_or_else(|_| text()),
        }
    }

    async fn with_body(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        body: Vec<u8>,
    ) -> Answer {
        let request = Request::builder().method(method).uri(path);
        let request = request.header("content-type", content_type);
        self.send(request.body(body).unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Vec::new()).unwrap())
            .await
    }

    pub(crate) async fn get_as(&self, path: &str, accept: &str) -> Answer {
        let request = Request::get(path).header("accept", accept);
        self.send(request.body(Vec::new()).unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        let body = body.to_string().into_bytes();
        self.with_body(Method::POST, path, "application/json", body)
            .await
    }

    pub(crate) async fn post_raw(&self, path: &str, content_type: &str, body: &[u8]) -> Answer {
        self.with_body(Method::POST, path, content_type, body.to_vec())
            .await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Answer {
        let body = body.to_string().into_bytes();
        self.with_body(Method::PUT, path, "application/json", body)
            .await
    }

    pub(crate) async fn patch(&self, path: &str, form: &str, body: &Value) -> Answer {
        let content_type = format!("application/{form}");
        let body = body.to_string().into_bytes();
        self.with_body(Method::PATCH, path, &content_type, body)
            .await
    }

    pub(crate) async fn merge(&self, path: &str, body: &Value) -> Answer {
        self.patch(path, "merge-patch+json", body).await
    }

    pub(crate) async fn delete(&self, path: &str, options: &Value) -> Answer {
        let body = options.to_string().into_bytes();
        self.with_body(Method::DELETE, path, "application/json", body)
            .await
    }
}
