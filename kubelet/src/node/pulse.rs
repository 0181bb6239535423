//! Whether the container runtime lives: one that hangs tells nobody, so it is asked.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use crate::runtime::{Runtime, RuntimeError};

/// After no answer.
const AGAIN: Duration = Duration::from_secs(1);

/// What is known of the runtime.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Known {
    /// Such as `containerd://1.6.20`, as it last said.
    pub(crate) version: String,
    pub(crate) is_down: bool,
}

/// What an answer, or its lack after so long a silence, makes of what was known.
fn next(known: &Known, answer: Option<String>, silent: Duration, bound: Duration) -> Known {
    match answer {
        Some(version) => Known {
            version,
            is_down: false,
        },
        None => Known {
            is_down: known.is_down || silent >= bound,
            ..known.clone()
        },
    }
}

/// How long the runtime may be silent, if the node may be for `grace`: the kubelet has 30 s of 40 s.
fn bound(grace: Duration) -> Duration {
    grace * 3 / 4
}

/// Waits until the runtime answers.
pub(super) async fn first<R: Runtime>(runtime: &R) -> Known {
    loop {
        match ask(runtime).await {
            Ok(version) => return next(&Known::default(), Some(version), AGAIN, AGAIN),
            Err(error) => {
                tracing::warn!(%error, "the container runtime does not answer, waiting on")
            }
        }
        sleep(AGAIN).await;
    }
}

/// Asks the runtime for ever, four times in `grace`, and says what is known when that changes.
pub(super) async fn watch<R: Runtime>(runtime: &R, grace: Duration, known: &watch::Sender<Known>) {
    let period = grace / 4;
    let mut heard = Instant::now();
    loop {
        let answer = timeout(period, ask(runtime)).await;
        let answer = answer.ok().and_then(Result::ok);
        let wait = if answer.is_some() { period } else { AGAIN };
        if answer.is_some() {
            heard = Instant::now();
        }
        let new = next(&known.borrow(), answer, heard.elapsed(), bound(grace));
        if new.is_down && !known.borrow().is_down {
            tracing::warn!("the container runtime is down");
        }
        known.send_if_modified(|known| {
            let is_new = *known != new;
            *known = new;
            is_new
        });
        sleep(wait).await;
    }
}

async fn ask<R: Runtime>(runtime: &R) -> Result<String, RuntimeError> {
    let told = runtime.version().await?;
    Ok(format!("{}://{}", told.runtime_name, told.runtime_version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_is_down_once_it_is_silent_for_long() {
        const BOUND: Duration = Duration::from_secs(30);
        let old = || Some("containerd://1".to_owned());
        let new = || Some("containerd://2".to_owned());
        let mut known = Known::default();
        for (answer, silent_seconds, version, is_down) in [
            (old(), 0, "containerd://1", false),
            (None, 10, "containerd://1", false),
            (old(), 0, "containerd://1", false),
            (None, 30, "containerd://1", true),
            (None, 31, "containerd://1", true),
            (new(), 0, "containerd://2", false),
        ] {
            known = next(&known, answer, Duration::from_secs(silent_seconds), BOUND);
            let expected = Known {
                version: version.to_owned(),
                is_down,
            };
            assert_eq!(known, expected, "{silent_seconds}");
        }
    }

    #[test]
    fn the_bound_is_that_of_kubernetes() {
        assert_eq!(bound(Duration::from_secs(40)), Duration::from_secs(30));
    }
}
