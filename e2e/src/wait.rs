//! Waiting for a condition, bounded. The only place that sleeps between looks.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

/// How long one looks again after a look that did not show what was hoped for.
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

/// Looks until `look` succeeds and returns what it saw; after `seconds` fails with the last look's error.
///
/// `what` completes the sentence "waited N s for ...".
pub fn eventually<T>(what: &str, seconds: u64, mut look: impl FnMut() -> Result<T>) -> Result<T> {
    let started = Instant::now();
    let limit = Duration::from_secs(seconds);
    loop {
        match look() {
            Ok(seen) => return Ok(seen),
            Err(last) if started.elapsed() >= limit => {
                return Err(last.context(format!("waited {seconds} s for {what}")));
            }
            Err(_) => thread::sleep(BETWEEN_LOOKS),
        }
    }
}

/// [`eventually`] for conditions that are plainly true or false, within 10 seconds.
pub fn soon(what: &str, mut holds: impl FnMut() -> bool) -> Result<()> {
    eventually(what, 10, || {
        if holds() {
            Ok(())
        } else {
            Err(anyhow!("not so"))
        }
    })
}
