//! A webhook: a TLS server in the test's process that remembers what it was asked.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::pki::Pki;

/// What a webhook says to a request.
type Decide = dyn Fn(&Value) -> Value + Send + Sync;

/// A webhook that runs until it is stopped or dropped.
pub(crate) struct Hook {
    pub(crate) url: String,
    pub(crate) port: u16,
    asked: Arc<Mutex<Vec<Value>>>,
    shutdown: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Hook {
    pub(crate) async fn start(
        pki: &Pki,
        decide: impl Fn(&Value) -> Value + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let shutdown = CancellationToken::new();
        let serving = serve(
            listener,
            acceptor(pki),
            Arc::new(decide),
            Arc::clone(&asked),
        );
        let end = shutdown.clone();
        let task = tokio::spawn(async move {
            tokio::select! {
                () = serving => {}
                () = end.cancelled() => {}
            }
        });
        Self {
            url: format!("https://127.0.0.1:{port}/admit"),
            port,
            asked,
            shutdown,
            task,
        }
    }

    /// The requests so far.
    pub(crate) fn asked(&self) -> Vec<Value> {
        self.asked.lock().unwrap().clone()
    }

    /// Ends it with all its connections.
    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        self.task.await.unwrap();
    }
}

fn acceptor(pki: &Pki) -> TlsAcceptor {
    let identity = pki.server("127.0.0.1");
    let chain = CertificateDer::from_pem_slice(identity.certificate_pem.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(identity.key_pem.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![chain], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(tls))
}

async fn serve(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    decide: Arc<Decide>,
    asked: Arc<Mutex<Vec<Value>>>,
) {
    let mut connections = JoinSet::new();
    while let Ok((tcp, _)) = listener.accept().await {
        let (acceptor, decide, asked) = (acceptor.clone(), Arc::clone(&decide), Arc::clone(&asked));
        connections.spawn(async move {
            // A client that does not trust us breaks off.
            let Ok(tls) = acceptor.accept(tcp).await else {
                return;
            };
            let service = service_fn(|request| answer(request, &*decide, &asked));
            let connection = http1::Builder::new().serve_connection(TokioIo::new(tls), service);
            let _ = connection.await;
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    decide: &Decide,
    asked: &Mutex<Vec<Value>>,
) -> Result<http::Response<Full<Bytes>>, Infallible> {
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let review: Value = serde_json::from_slice(&body).unwrap();
    let mut response = decide(&review["request"]);
    response["uid"] = review["request"]["uid"].clone();
    asked.lock().unwrap().push(review["request"].clone());
    let answer = json!({
        "kind": review["kind"],
        "apiVersion": review["apiVersion"],
        "response": response,
    });
    Ok(http::Response::new(Full::new(Bytes::from(
        answer.to_string(),
    ))))
}
