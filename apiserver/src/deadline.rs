//! How long the answer to a request may take.

use std::time::Duration;

use jiff::SignedDuration;
use skiff_api::Status;

use crate::request::{RequestInfo, late};

/// Kubernetes' `--request-timeout`: the most that a request has, and what it has unless it wants less.
const MOST: Duration = Duration::from_secs(60);

/// The time that a request has; none for one that stays open. A client asks for less by `timeout`, as `kubectl
/// --request-timeout` does.
pub(crate) fn of(info: &RequestInfo) -> Result<Option<Duration>, Status> {
    if info.is_long_running() {
        return Ok(None);
    }
    let Some(text) = info.query.get("timeout") else {
        return Ok(Some(MOST));
    };
    let invalid = |_| {
        let message = format!(
            "invalid timeout specified in the request URL - time: invalid duration {text:?}"
        );
        Status::bad_request(message)
    };
    let wanted: SignedDuration = text.parse().map_err(invalid)?;
    let wanted = Duration::try_from(wanted).unwrap_or_default();
    // None at all is no wish.
    let is_wish = !wanted.is_zero() && wanted < MOST;
    Ok(Some(if is_wish { wanted } else { MOST }))
}

/// Gives an answer its time; 504 when it is over. What was on its way into the store may be there then.
pub(crate) async fn within<T>(
    time: Option<Duration>,
    answer: impl Future<Output = T>,
) -> Result<T, Status> {
    let Some(time) = time else {
        return Ok(answer.await);
    };
    tokio::time::timeout(time, answer).await.map_err(|_| late())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Method;
    use skiff_api::Reason;

    #[test]
    fn a_client_may_ask_for_less_time_and_not_for_more() {
        // path | milliseconds; none: as long as it likes
        let cases = [
            ("/api/v1/pods", Some(60_000)),
            ("/api/v1/pods?timeout=5s", Some(5_000)),
            ("/api/v1/pods?timeout=250ms", Some(250)),
            ("/api/v1/pods?timeout=1m30s", Some(60_000)),
            ("/api/v1/pods?timeout=0s", Some(60_000)),
            ("/api/v1/pods?timeout=-3s", Some(60_000)),
            ("/api/v1/pods?watch=1&timeout=5s", None),
            ("/api/v1/namespaces/a/pods/b/log?timeout=5s", None),
        ];
        for (path, expected) in cases {
            let info = RequestInfo::read(&Method::GET, &path.parse().unwrap());
            let expected = expected.map(Duration::from_millis);
            assert_eq!(of(&info).unwrap(), expected, "{path}");
        }
        let info = RequestInfo::read(&Method::GET, &"/api?timeout=soon".parse().unwrap());
        let refused = of(&info).unwrap_err();
        assert_eq!(refused.code(), 400);
        assert!(refused.message.contains("\"soon\""), "{}", refused.message);
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_late_is_told_so() {
        let never = std::future::pending::<()>();
        let refused = within(Some(MOST), never).await.unwrap_err();
        assert_eq!((refused.code(), refused.reason), (504, Reason::Timeout));
        assert_eq!(within(Some(MOST), async { 7 }).await.unwrap(), 7);
        let slow = async { tokio::time::sleep(2 * MOST).await };
        assert!(within(None, slow).await.is_ok());
    }
}
