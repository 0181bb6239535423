//! A client of several API servers: of one as long as it answers, then of the next.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::{Frame, SizeHint};
use kube::Client;
use kube::client::Body;
use parking_lot::RwLock;
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tower::BoxError;

/// How long an API server may take to begin its answer before it is asked whether it lives, while there are others to ask.
const PATIENCE: Duration = Duration::from_secs(10);
/// Who has waited so long and waits no more has given up on it; one that heeded the end of skiff would not wait at all.
const GIVEN_UP: Duration = Duration::from_secs(1);

/// How long it may take to say that it lives.
const SIGN_OF_LIFE: Duration = Duration::from_secs(3);
/// How long all writes may fail because it cannot reach its store. Often no other can either, and to move means to list anew.
const CUT_OFF: Duration = Duration::from_secs(20);

/// An API server, and the way to it.
#[derive(Clone)]
pub struct Server {
    /// Where it is; by this it is known again.
    pub url: String,
    /// Leads there.
    pub client: Client,
}

/// The API servers of a cluster, each as good as the others. Cheap to clone.
#[derive(Clone)]
pub struct Failover(Arc<RwLock<Ring>>);

struct Ring {
    servers: Vec<Server>,
    /// Which of them is in use.
    at: usize,
    /// Ends the answers of that one which are under way: a watch would wait for ever for a machine that is gone.
    left: CancellationToken,
    /// Since when it has taken no write because it cannot reach its store.
    cut_off: Option<Instant>,
}

impl Failover {
    /// Uses the first one at first.
    pub fn new(servers: Vec<Server>) -> Self {
        Self(Arc::new(RwLock::new(Ring {
            servers,
            at: 0,
            left: CancellationToken::new(),
            cut_off: None,
        })))
    }

    /// Uses these from now on. Requests under way, watches among them, go on as they are if their server is among these.
    pub fn replace(&self, servers: Vec<Server>) {
        let mut ring = self.0.write();
        let url = ring.current().map(|server| server.url.clone());
        let at = servers
            .iter()
            .position(|server| Some(&server.url) == url.as_ref());
        ring.servers = servers;
        ring.at = at.unwrap_or(0);
        if at.is_none() {
            ring.cut();
        }
    }

    /// A client that sends each request to the server in use at that moment.
    pub fn client(&self) -> Client {
        let failover = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let failover = failover.clone();
            async move { failover.send(request).await }
        });
        Client::new(service, "default")
    }

    async fn send(&self, request: Request<Body>) -> Result<Response<Guarded>, BoxError> {
        let (server, left, is_only) = {
            let ring = self.0.read();
            let server = ring.current().ok_or("no API server is known")?.clone();
            (server, ring.left.clone(), ring.servers.len() == 1)
        };
        let is_write = !request.method().is_safe();
        let sent = server.client.send(request);
        let answer = match is_only {
            true => sent.await,
            false => self.wait(&server, sent).await?,
        };
        match &answer {
            Err(_) => self.leave(&server.url),
            Ok(answer) if is_write => self.wrote(&server.url, answer.status()),
            Ok(_) => {}
        }
        Ok(answer?.map(|body| Guarded::new(body, left)))
    }

    /// Waits for an answer as long as its server lives.
    async fn wait<T>(
        &self,
        server: &Server,
        answer: impl Future<Output = T>,
    ) -> Result<T, BoxError> {
        let mut answer = pin!(answer);
        let mut asked = Asked {
            failover: self,
            server,
            since: Instant::now(),
            is_answered: false,
        };
        loop {
            match timeout(PATIENCE, answer.as_mut()).await {
                Ok(answer) => {
                    asked.is_answered = true;
                    return Ok(answer);
                }
                Err(_) if lives(server).await => {}
                Err(silent) => {
                    asked.is_answered = true;
                    self.leave(&server.url);
                    return Err(silent.into());
                }
            }
        }
    }

    /// Takes note of the answer to a write.
    fn wrote(&self, url: &str, status: StatusCode) {
        let since = {
            let mut ring = self.0.write();
            if ring.current().is_none_or(|server| server.url != url) {
                return;
            }
            if !is_cut_off(status) {
                ring.cut_off = None;
                return;
            }
            *ring.cut_off.get_or_insert_with(Instant::now)
        };
        if since.elapsed() >= CUT_OFF {
            self.leave(url);
        }
    }

    /// Uses the next one from now on, unless somebody else has seen to that.
    fn leave(&self, url: &str) {
        let mut ring = self.0.write();
        let is_current = ring.current().is_some_and(|server| server.url == url);
        if !is_current || ring.servers.len() < 2 {
            return;
        }
        ring.at = (ring.at + 1) % ring.servers.len();
        ring.cut();
        let next = ring.current().map(|server| server.url.as_str());
        tracing::warn!(
            left = url,
            next,
            "the API server does not answer, asking the next one"
        );
    }
}

impl Ring {
    fn current(&self) -> Option<&Server> {
        self.servers.get(self.at)
    }

    /// Another one is in use from now on.
    fn cut(&mut self) {
        self.cut_off = None;
        std::mem::take(&mut self.left).cancel();
    }
}

/// Whether a server answers at all.
async fn lives(server: &Server) -> bool {
    let request = Request::get("/livez").body(Body::empty());
    let asked = async { server.client.send(request.ok()?).await.ok() };
    timeout(SIGN_OF_LIFE, asked)
        .await
        .is_ok_and(|it| it.is_some())
}

/// A request under way. When its caller gives up on it, its server may have to be left.
struct Asked<'a> {
    failover: &'a Failover,
    server: &'a Server,
    since: Instant,
    is_answered: bool,
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        if self.is_answered || self.since.elapsed() < GIVEN_UP {
            return;
        }
        let (failover, server) = (self.failover.clone(), self.server.clone());
        // Bounded by its time.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move {
                if !lives(&server).await {
                    failover.leave(&server.url);
                }
            });
        }
    }
}

/// Whether a server says that it cannot reach its store.
fn is_cut_off(status: StatusCode) -> bool {
    [StatusCode::SERVICE_UNAVAILABLE, StatusCode::GATEWAY_TIMEOUT].contains(&status)
}

/// The body of an answer, which breaks when its server is left.
struct Guarded {
    body: Body,
    left: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Guarded {
    fn new(body: Body, left: CancellationToken) -> Self {
        Self {
            body,
            left: Box::pin(left.cancelled_owned()),
        }
    }
}

impl http_body::Body for Guarded {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.left.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Some(Err("the API server was left for another one".into())));
        }
        Pin::new(&mut self.body).poll_frame(cx).map_err(Into::into)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests;
