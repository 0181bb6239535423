//! Connections to endpoints, kept open from one request to the next.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1, http2};
use hyper::rt::Executor;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use crate::body::RequestBody;

/// How long a connection may take; endpoints are near.
const CONNECT: Duration = Duration::from_secs(3);
/// The idle connections that are kept to one endpoint.
const IDLE: usize = 64;

type Http1 = http1::SendRequest<RequestBody>;
type Http2 = http2::SendRequest<RequestBody>;

/// Connections by endpoint.
#[derive(Debug)]
pub(crate) struct Pool {
    tasks: TaskTracker,
    idle: Mutex<HashMap<SocketAddr, Vec<Http1>>>,
    /// One to an endpoint carries all its requests.
    h2c: Mutex<HashMap<SocketAddr, Http2>>,
}

/// Why an endpoint did not answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    /// There was no connection to be had.
    #[error("connect to {endpoint}")]
    Connect {
        endpoint: SocketAddr,
        #[source]
        source: std::io::Error,
    },
    /// The connection broke.
    #[error("{endpoint} did not answer")]
    Broken {
        endpoint: SocketAddr,
        #[source]
        source: hyper::Error,
    },
}

/// A request that was not answered, and the request itself if nothing of it was sent.
pub(crate) struct Unanswered {
    pub(crate) error: SendError,
    pub(crate) request: Option<Request<RequestBody>>,
}

impl Pool {
    /// A pool whose connections are tasks of `tasks`.
    pub(crate) fn new(tasks: TaskTracker) -> Self {
        Self {
            tasks,
            idle: Mutex::default(),
            h2c: Mutex::default(),
        }
    }

    /// Sends a request to an endpoint and waits for the head of its answer.
    pub(crate) async fn send(
        self: &Arc<Self>,
        endpoint: SocketAddr,
        h2c: bool,
        request: Request<RequestBody>,
    ) -> Result<Response<Incoming>, Unanswered> {
        match h2c {
            true => self.send_h2c(endpoint, request).await,
            false => self.send_http1(endpoint, request).await,
        }
    }

    /// Closes the idle connections to all endpoints but these.
    pub(crate) fn keep_only(&self, endpoints: &HashSet<SocketAddr>) {
        self.idle
            .lock()
            .retain(|endpoint, _| endpoints.contains(endpoint));
        self.h2c
            .lock()
            .retain(|endpoint, _| endpoints.contains(endpoint));
    }

    async fn send_http1(
        self: &Arc<Self>,
        endpoint: SocketAddr,
        request: Request<RequestBody>,
    ) -> Result<Response<Incoming>, Unanswered> {
        let mut sender = match self.take(endpoint) {
            Some(sender) => sender,
            None => match self.connect_http1(endpoint).await {
                Ok(sender) => sender,
                Err(error) => return Err(unsent(error, request)),
            },
        };
        let sent = sender.try_send_request(request).await;
        let response = sent.map_err(|error| {
            // Its other connections are as old.
            self.idle.lock().remove(&endpoint);
            unanswered(endpoint, error)
        })?;
        let pool = Arc::clone(self);
        self.tasks.spawn(async move {
            // When the answer's body is read; never after an upgrade.
            if sender.ready().await.is_ok() {
                pool.put(endpoint, sender);
            }
        });
        Ok(response)
    }

    fn take(&self, endpoint: SocketAddr) -> Option<Http1> {
        let mut idle = self.idle.lock();
        let senders = idle.get_mut(&endpoint)?;
        // The newest is the least likely to be closed by the other side.
        while let Some(sender) = senders.pop() {
            if sender.is_ready() {
                return Some(sender);
            }
        }
        None
    }

    fn put(&self, endpoint: SocketAddr, sender: Http1) {
        let mut idle = self.idle.lock();
        let senders = idle.entry(endpoint).or_default();
        senders.retain(|sender| !sender.is_closed());
        if senders.len() < IDLE {
            senders.push(sender);
        }
    }

    async fn connect_http1(&self, endpoint: SocketAddr) -> Result<Http1, SendError> {
        let broken = |source| SendError::Broken { endpoint, source };
        let stream = TokioIo::new(connect(endpoint).await?);
        let (sender, connection) = http1::handshake(stream).await.map_err(broken)?;
        self.tasks.spawn(async move {
            if let Err(error) = connection.with_upgrades().await {
                tracing::debug!(%endpoint, %error, "a connection to an endpoint broke");
            }
        });
        Ok(sender)
    }

    async fn send_h2c(
        &self,
        endpoint: SocketAddr,
        request: Request<RequestBody>,
    ) -> Result<Response<Incoming>, Unanswered> {
        let known = self.h2c.lock().get(&endpoint).cloned();
        let mut sender = match known.filter(|sender| !sender.is_closed()) {
            Some(sender) => sender,
            None => match self.connect_h2c(endpoint).await {
                Ok(sender) => sender,
                Err(error) => return Err(unsent(error, request)),
            },
        };
        let sent = sender.try_send_request(request).await;
        sent.map_err(|error| unanswered(endpoint, error))
    }

    async fn connect_h2c(&self, endpoint: SocketAddr) -> Result<Http2, SendError> {
        let broken = |source| SendError::Broken { endpoint, source };
        let stream = TokioIo::new(connect(endpoint).await?);
        let tasks = Tracked(self.tasks.clone());
        let (sender, connection) = http2::handshake(tasks, stream).await.map_err(broken)?;
        self.tasks.spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%endpoint, %error, "a connection to an endpoint broke");
            }
        });
        self.h2c.lock().insert(endpoint, sender.clone());
        Ok(sender)
    }
}

async fn connect(endpoint: SocketAddr) -> Result<TcpStream, SendError> {
    let connected = timeout(CONNECT, TcpStream::connect(endpoint)).await;
    let stream = connected.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()));
    let stream = stream.map_err(|source| SendError::Connect { endpoint, source })?;
    let _ = stream.set_nodelay(true);
    Ok(stream)
}

fn unsent(error: SendError, request: Request<RequestBody>) -> Unanswered {
    Unanswered {
        error,
        request: Some(request),
    }
}

fn unanswered(endpoint: SocketAddr, mut error: TrySendError<Request<RequestBody>>) -> Unanswered {
    let request = error.take_message();
    let source = error.into_error();
    Unanswered {
        error: SendError::Broken { endpoint, source },
        request,
    }
}

/// Runs what HTTP/2 does on the side as tasks that are waited for.
#[derive(Clone, Debug)]
pub(crate) struct Tracked(pub(crate) TaskTracker);

impl<F> Executor<F> for Tracked
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        self.0.spawn(future);
    }
}
