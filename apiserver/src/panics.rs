//! A request whose handler panics harms no other: it is answered, and written down with who asked for what.

use std::any::Any;
use std::panic::AssertUnwindSafe;

use futures::FutureExt as _;
use skiff_api::{Status, UserInfo};

use crate::request::RequestInfo;

/// Awaits an answer; 500 if making it panics.
pub(crate) async fn caught<T>(
    info: &RequestInfo,
    user: &UserInfo,
    answer: impl Future<Output = T>,
) -> Result<T, Status> {
    // What a panic leaves half done is the request's own, or behind locks that do not mind.
    let ended = AssertUnwindSafe(answer).catch_unwind().await;
    ended.map_err(|panic| {
        tracing::error!(
            verb = info.verb,
            path = info.path,
            user = user.name,
            panic = text(&*panic),
            "a request panicked"
        );
        Status::internal("This request caused apiserver to panic. Look in the logs for details.")
    })
}

fn text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no text")
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Method;

    #[tokio::test]
    async fn a_panic_is_an_answer() {
        let info = RequestInfo::read(&Method::GET, &"/api/v1/pods".parse().unwrap());
        let user = UserInfo::new("ann", ["system:authenticated"]);
        let broken = async { [1].iter().skip(1).copied().next().expect("a second one") };
        let refused = caught(&info, &user, broken).await.unwrap_err();
        assert_eq!(refused.code(), 500);
        assert!(refused.message.contains("panic"), "{}", refused.message);
        assert_eq!(caught(&info, &user, async { 7 }).await.unwrap(), 7);
    }

    #[test]
    fn a_panic_has_its_text() {
        let cases: [(Box<dyn Any + Send>, &str); 3] = [
            (Box::new("static"), "static"),
            (Box::new("owned".to_owned()), "owned"),
            (Box::new(7), "no text"),
        ];
        for (panic, expected) in cases {
            assert_eq!(text(&*panic), expected);
        }
    }
}
