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
pub struct Servers(Arc<RwLock<Ring>>);

struct Ring {
    servers: Vec<Server>,
    /// Which of them is in use.
    at: usize,
    /// Ends the answers of that one which are under way: a watch would wait for ever for a machine that is gone.
    left: CancellationToken,
    /// Since when it has taken no write because it cannot reach its store.
    cut_off: Option<Instant>,
}

impl Servers {
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
        let servers = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let servers = servers.clone();
            async move { servers.send(request).await }
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
            servers: self,
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
    servers: &'a Servers,
    server: &'a Server,
    since: Instant,
    is_answered: bool,
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        if self.is_answered || self.since.elapsed() < GIVEN_UP {
            return;
        }
        let (servers, server) = (self.servers.clone(), self.server.clone());
        // Bounded by its time.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move {
                if !lives(&server).await {
                    servers.leave(&server.url);
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
mod tests {
    use std::convert::Infallible;

    use super::*;

    /// A server that answers with its own name; `down` with an error, `out of order` with 503.
    fn server(url: &str, says: &'static str) -> Server {
        let service = tower::service_fn(move |_: Request<Body>| async move {
            let body = Body::from(says.as_bytes().to_vec());
            let mut response = Response::new(body);
            match says {
                "down" => return Err(BoxError::from("connection refused")),
                "out of order" => *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE,
                _ => {}
            }
            Ok(response)
        });
        Server {
            url: url.to_owned(),
            client: Client::new(service, "default"),
        }
    }

    /// A server whose answers never begin, or never end.
    fn silent(url: &str, begins: bool) -> Server {
        let service = tower::service_fn(move |_: Request<Body>| async move {
            if !begins {
                std::future::pending::<()>().await;
            }
            Ok::<_, Infallible>(Response::new(Endless))
        });
        Server {
            url: url.to_owned(),
            client: Client::new(service, "default"),
        }
    }

    struct Endless;

    impl http_body::Body for Endless {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Pending
        }
    }

    async fn ask(client: &Client) -> Result<String, kube::Error> {
        let request = Request::get("/").body(Vec::new()).expect("a request");
        client.request_text(request).await
    }

    #[tokio::test]
    async fn who_holds_a_client_gets_the_newer_servers() {
        let servers = Servers::new(vec![server("a", "old")]);
        let held = servers.client();
        assert_eq!(ask(&held).await.expect("an answer"), "old");
        servers.replace(vec![server("b", "other"), server("a", "new")]);
        assert_eq!(ask(&held).await.expect("an answer"), "new", "a is kept");
        servers.replace(vec![server("c", "third")]);
        assert_eq!(ask(&held).await.expect("an answer"), "third");
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_does_not_answer_is_left() {
        let bad = [server("a", "down"), silent("a", false)];
        for bad in bad {
            let servers = Servers::new(vec![bad, server("b", "well")]);
            let client = servers.client();
            ask(&client).await.expect_err("the first does not answer");
            assert_eq!(ask(&client).await.expect("an answer"), "well");
            assert_eq!(ask(&client).await.expect("an answer"), "well");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_its_caller_gives_up_on_is_left() {
        for (waited, expected) in [(500, "silence"), (2000, "well")] {
            let servers = Servers::new(vec![silent("a", false), server("b", "well")]);
            let client = servers.client();
            let waited = Duration::from_millis(waited);
            timeout(waited, ask(&client)).await.expect_err("no answer");
            tokio::time::sleep(SIGN_OF_LIFE + Duration::from_millis(1)).await;
            let next = timeout(Duration::from_millis(1), ask(&client)).await;
            let said = next.map_or("silence".to_owned(), |answer| answer.expect("an answer"));
            assert_eq!(said, expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_is_slow_is_waited_for() {
        let slow = tower::service_fn(|request: Request<Body>| async move {
            if request.uri().path() != "/livez" {
                tokio::time::sleep(PATIENCE * 3).await;
            }
            Ok::<_, Infallible>(Response::new(Body::from(b"slow".to_vec())))
        });
        let slow = Server {
            url: "a".to_owned(),
            client: Client::new(slow, "default"),
        };
        let client = Servers::new(vec![slow, server("b", "well")]).client();
        assert_eq!(ask(&client).await.expect("an answer"), "slow");
        let hasty = timeout(GIVEN_UP * 2, ask(&client)).await;
        hasty.expect_err("no answer yet");
        tokio::time::sleep(SIGN_OF_LIFE * 2).await;
        assert_eq!(ask(&client).await.expect("an answer"), "slow");
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_takes_no_write_for_long_is_left() {
        let servers = Servers::new(vec![server("a", "out of order"), server("b", "well")]);
        let client = servers.client();
        let write = || async {
            let request = Request::post("/").body(Vec::new()).expect("a request");
            client.request_text(request).await
        };
        for _ in 0..2 {
            ask(&client).await.expect_err("it is out of order");
            write().await.expect_err("it is out of order");
            tokio::time::sleep(CUT_OFF / 2).await;
        }
        ask(&client).await.expect_err("reads tell nothing");
        write().await.expect_err("the last that it is asked for");
        assert_eq!(write().await.expect("an answer"), "well");
    }

    #[tokio::test]
    async fn the_only_server_is_never_left() {
        let client = Servers::new(vec![server("a", "down")]).client();
        for _ in 0..2 {
            let error = ask(&client).await.expect_err("it is down").to_string();
            assert!(error.contains("connection refused"), "{error}");
        }
        let nobody = Servers::new(Vec::new()).client();
        let error = ask(&nobody).await.expect_err("nobody").to_string();
        assert!(error.contains("no API server is known"), "{error}");
    }

    #[tokio::test]
    async fn what_a_server_still_says_ends_when_it_is_left() {
        let servers = Servers::new(vec![silent("a", true), server("b", "well")]);
        let client = servers.client();
        let watching = tokio::spawn({
            let client = client.clone();
            async move { ask(&client).await }
        });
        tokio::task::yield_now().await;
        servers.leave("a");
        watching.await.expect("no panic").expect_err("it was left");
        assert_eq!(ask(&client).await.expect("an answer"), "well");
    }
}
