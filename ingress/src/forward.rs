//! One request: where it goes, and what comes back.

use std::sync::Arc;
use std::time::Duration;

use http::header::{CONTENT_LENGTH, EXPECT, HOST, HeaderMap, HeaderValue};
use http::uri::{Authority, PathAndQuery, Scheme, Uri};
use http::{Method, Request, Response, StatusCode, Version};
use http_body::Body;
use http_body_util::{Either, Empty, Limited};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use parking_lot::RwLock;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::backend::Backend;
use crate::body::{self, RequestBody, ResponseBody};
use crate::headers::{self, Peer};
use crate::host;
use crate::pages::page;
use crate::pool::{Pool, SendError, Unanswered};
use crate::table::Table;
use crate::tunnel;

/// How long an endpoint may take until the head of its answer.
const ANSWER: Duration = Duration::from_secs(60);
/// The same where it first takes in a body.
const ANSWER_TO_BODY: Duration = Duration::from_secs(3600);
/// How many endpoints are asked at most.
const ATTEMPTS: usize = 4;

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Site {
    table: RwLock<Arc<Table>>,
    pool: Arc<Pool>,
    /// Everything that runs beside: connections on both sides, tunnels.
    pub(crate) tasks: TaskTracker,
    /// Ends what does not end by itself.
    pub(crate) cut: CancellationToken,
}

impl Site {
    pub(crate) fn new() -> Self {
        let tasks = TaskTracker::new();
        Self {
            table: RwLock::default(),
            pool: Arc::new(Pool::new(tasks.clone())),
            tasks,
            cut: CancellationToken::new(),
        }
    }

    /// The table of this moment.
    pub(crate) fn table(&self) -> Arc<Table> {
        self.table.read().clone()
    }

    /// Requests from now on are answered by this table.
    pub(crate) fn reload(&self, table: Table) {
        let endpoints = table.endpoints();
        *self.table.write() = Arc::new(table);
        self.pool.keep_only(&endpoints);
    }

    /// Answers a request.
    pub(crate) async fn answer(
        &self,
        peer: Peer,
        mut request: Request<Incoming>,
    ) -> Response<ResponseBody> {
        let Some(named) = host::named(&request).map(str::to_owned) else {
            return page(StatusCode::BAD_REQUEST, "the request names no host");
        };
        let table = self.table();
        let Some(backend) = table.route(&host::plain(&named), request.uri().path()) else {
            let why = "no Ingress has a rule for this host and path";
            return page(StatusCode::NOT_FOUND, why);
        };
        if backend.endpoints.is_empty() {
            let why = "the Service of this path has no ready endpoints";
            return page(StatusCode::SERVICE_UNAVAILABLE, why);
        }
        if says_too_long(request.headers()) {
            return page(StatusCode::PAYLOAD_TOO_LARGE, "the body is too long");
        }
        let upgrade = is_upgrade(&request).then(|| hyper::upgrade::on(&mut request));
        let request = towards_endpoint(request, &peer, &named, backend.h2c);
        match self.ask(backend, request).await {
            Ok(response) => self.towards_client(response, upgrade),
            Err(failure) => failure,
        }
    }

    /// Asks one endpoint after the other, as long as a request cannot have been carried out twice.
    async fn ask(
        &self,
        backend: &Backend,
        request: Request<RequestBody>,
    ) -> Result<Response<Incoming>, Response<ResponseBody>> {
        let spare = repeatable(&request);
        let patience = match request.body() {
            Either::Left(_) => ANSWER,
            Either::Right(_) => ANSWER_TO_BODY,
        };
        let mut next = Some(request);
        let mut failed = None;
        for endpoint in backend.in_turn().take(ATTEMPTS) {
            let Some(request) = next.take() else { break };
            let sent = timeout(patience, self.pool.send(endpoint, backend.h2c, request));
            let Unanswered { error, request } = match sent.await {
                Ok(Ok(response)) => return Ok(response),
                Ok(Err(unanswered)) => unanswered,
                Err(_) => {
                    let why = "the endpoint did not answer in time";
                    return Err(page(StatusCode::GATEWAY_TIMEOUT, why));
                }
            };
            tracing::debug!(
                error = &error as &dyn std::error::Error,
                "an endpoint failed"
            );
            next = request.or_else(|| spare.as_ref().map(copy));
            failed = Some(error);
        }
        Err(match failed {
            Some(SendError::Broken { source, .. }) if body::is_too_long(&source) => {
                page(StatusCode::PAYLOAD_TOO_LARGE, "the body is too long")
            }
            _ => page(StatusCode::BAD_GATEWAY, "the endpoint did not answer"),
        })
    }

    fn towards_client(
        &self,
        mut response: Response<Incoming>,
        upgrade: Option<OnUpgrade>,
    ) -> Response<ResponseBody> {
        *response.version_mut() = Version::HTTP_11;
        match upgrade {
            Some(client) if response.status() == StatusCode::SWITCHING_PROTOCOLS => {
                let endpoint = hyper::upgrade::on(&mut response);
                let tunnel = tunnel::carry(client, endpoint, self.cut.clone());
                self.tasks.spawn(tunnel);
            }
            _ => headers::strip(response.headers_mut()),
        }
        response.map(Either::Left)
    }
}

fn says_too_long(headers: &HeaderMap) -> bool {
    let length = headers
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok());
    let length = length.and_then(|length| length.parse::<usize>().ok());
    length.is_some_and(|length| length > body::MAX_REQUEST)
}

fn is_upgrade<B>(request: &Request<B>) -> bool {
    request.version() == Version::HTTP_11 && headers::asks_upgrade(request.headers())
}

/// The request as the endpoint gets it.
fn towards_endpoint(
    request: Request<Incoming>,
    peer: &Peer,
    named: &str,
    h2c: bool,
) -> Request<RequestBody> {
    let upgrade = is_upgrade(&request);
    let (mut parts, body) = request.into_parts();
    let wanted = parts.headers.get(http::header::UPGRADE).cloned();
    headers::strip(&mut parts.headers);
    headers::forwarded(&mut parts.headers, peer, named);
    parts.headers.remove(EXPECT);
    if let Some(protocol) = wanted.filter(|_| upgrade && !h2c) {
        let upgrade = HeaderValue::from_static("upgrade");
        parts.headers.insert(http::header::CONNECTION, upgrade);
        parts.headers.insert(http::header::UPGRADE, protocol);
    }
    let mut uri = http::uri::Parts::default();
    let path = parts.uri.path_and_query().cloned();
    uri.path_and_query = Some(path.unwrap_or_else(|| PathAndQuery::from_static("/")));
    match h2c {
        true => {
            uri.scheme = Some(Scheme::HTTP);
            uri.authority = Authority::try_from(named).ok();
            parts.headers.remove(HOST);
            parts.version = Version::HTTP_2;
        }
        false => {
            if let Ok(host) = HeaderValue::from_str(named) {
                parts.headers.insert(HOST, host);
            }
            parts.version = Version::HTTP_11;
        }
    }
    parts.uri = Uri::from_parts(uri).unwrap_or_default();
    // What hyper noted of the client's connection has no meaning on the other one.
    parts.extensions.clear();
    let body = match body.is_end_stream() {
        true => Either::Left(Empty::new()),
        false => Either::Right(Limited::new(body, body::MAX_REQUEST)),
    };
    Request::from_parts(parts, body)
}

/// A copy of a request that may be asked twice (RFC 9110, section 9.2.2) and has no body.
fn repeatable(request: &Request<RequestBody>) -> Option<Request<RequestBody>> {
    let idempotent = request.method().is_idempotent() && request.method() != Method::CONNECT;
    (idempotent && matches!(request.body(), Either::Left(_))).then(|| copy(request))
}

/// The request without its body.
fn copy(request: &Request<RequestBody>) -> Request<RequestBody> {
    let mut copy = Request::new(Either::Left(Empty::new()));
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.version_mut() = request.version();
    *copy.headers_mut() = request.headers().clone();
    copy
}
