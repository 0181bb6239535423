//! Two machines, two clocks: what a moment by the other one is by ours.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use jiff::{SignedDuration, Timestamp};

use super::objects::service;
use crate::bench::client::ApiServer;
use crate::bench::space::Space;
use crate::bench::trace::Trace;

/// How many questions tell the time.
const QUESTIONS: u32 = 40;

/// How far the other clock is ahead of ours.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Offset {
    ahead: SignedDuration,
    /// How far that may be from the truth, either way.
    pub(super) within: Duration,
}

/// A moment by the other clock, and those by ours before and after it.
#[derive(Debug, Clone, Copy)]
struct Told {
    before: Timestamp,
    there: Timestamp,
    after: Timestamp,
}

impl Offset {
    /// Creates Services, which the API server stamps while we wait for its answer.
    pub(super) async fn of(server: &ApiServer, space: &Space) -> Result<Self> {
        let mut connection = server.connect().await?;
        let mut trace = Trace::of(server).await?;
        let mut told = Vec::new();
        for question in 0..QUESTIONS {
            let name = format!("clock-{question}");
            let before = Timestamp::now();
            connection
                .create(&space.path("services"), service(&name))
                .await?;
            let after = Timestamp::now();
            let stamps = trace.stamps(&[format!("{}/{name}", space.name())]).await?;
            let stored = stamps.iter().find(|stamp| stamp.stage == "stored");
            told.push(Told {
                before,
                there: stored.context("a Service has no stamp")?.at,
                after,
            });
        }
        Self::that_fits(&told)
    }

    /// The offset that fits all that was told: each question bounds it from both sides.
    fn that_fits(told: &[Told]) -> Result<Self> {
        let least = told.iter().map(|one| one.there.duration_since(one.after));
        let most = told.iter().map(|one| one.there.duration_since(one.before));
        let bounds = least.max().zip(most.min());
        let (least, most) = bounds.context("nobody told the time")?;
        ensure!(least <= most, "the clocks do not go alike");
        let half = (most - least) / 2;
        Ok(Self {
            ahead: least + half,
            within: half.try_into()?,
        })
    }

    /// A moment of the other clock by ours.
    pub(super) fn here(self, there: Timestamp) -> Timestamp {
        there - self.ahead
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_question_bounds_the_offset() {
        let at = |ms| Timestamp::from_millisecond(ms).expect("a time");
        let told = |before, there, after| Told {
            before: at(before),
            there: at(there),
            after: at(after),
        };
        // It is 100 ms ahead: told late in one question, early in the other.
        let questions = [told(1000, 1109, 1010), told(2000, 2102, 2010)];
        let offset = Offset::that_fits(&questions).expect("it fits");
        assert_eq!(offset.ahead, SignedDuration::from_micros(100_500));
        assert_eq!(offset.within, Duration::from_micros(1500));
        assert_eq!(
            offset.here(at(5100)),
            at(5000) - SignedDuration::from_micros(500)
        );
        assert!(Offset::that_fits(&[told(0, 200, 10), told(20, 50, 30)]).is_err());
        assert!(Offset::that_fits(&[]).is_err());
    }
}
