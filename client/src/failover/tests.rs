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
    let failover = Failover::new(vec![server("a", "old")]);
    let held = failover.client();
    assert_eq!(ask(&held).await.expect("an answer"), "old");
    failover.replace(vec![server("b", "other"), server("a", "new")]);
    assert_eq!(ask(&held).await.expect("an answer"), "new", "a is kept");
    failover.replace(vec![server("c", "third")]);
    assert_eq!(ask(&held).await.expect("an answer"), "third");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_answer_is_left() {
    let bad = [server("a", "down"), silent("a", false)];
    for bad in bad {
        let failover = Failover::new(vec![bad, server("b", "well")]);
        let client = failover.client();
        ask(&client).await.expect_err("the first does not answer");
        assert_eq!(ask(&client).await.expect("an answer"), "well");
        assert_eq!(ask(&client).await.expect("an answer"), "well");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_its_caller_gives_up_on_is_left() {
    for (waited, expected) in [(500, "silence"), (2000, "well")] {
        let failover = Failover::new(vec![silent("a", false), server("b", "well")]);
        let client = failover.client();
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
    let client = Failover::new(vec![slow, server("b", "well")]).client();
    assert_eq!(ask(&client).await.expect("an answer"), "slow");
    let hasty = timeout(GIVEN_UP * 2, ask(&client)).await;
    hasty.expect_err("no answer yet");
    tokio::time::sleep(SIGN_OF_LIFE * 2).await;
    assert_eq!(ask(&client).await.expect("an answer"), "slow");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_takes_no_write_for_long_is_left() {
    let failover = Failover::new(vec![server("a", "out of order"), server("b", "well")]);
    let client = failover.client();
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
    let client = Failover::new(vec![server("a", "down")]).client();
    for _ in 0..2 {
        let error = ask(&client).await.expect_err("it is down").to_string();
        assert!(error.contains("connection refused"), "{error}");
    }
    let nobody = Failover::new(Vec::new()).client();
    let error = ask(&nobody).await.expect_err("nobody").to_string();
    assert!(error.contains("no API server is known"), "{error}");
}

#[tokio::test]
async fn what_a_server_still_says_ends_when_it_is_left() {
    let failover = Failover::new(vec![silent("a", true), server("b", "well")]);
    let client = failover.client();
    let watching = tokio::spawn({
        let client = client.clone();
        async move { ask(&client).await }
    });
    tokio::task::yield_now().await;
    failover.leave("a");
    watching.await.expect("no panic").expect_err("it was left");
    assert_eq!(ask(&client).await.expect("an answer"), "well");
}
