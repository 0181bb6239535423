//! Rates, of which each needs two looks.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;

use super::host::CpuTotal;
use super::sample::Sample;
use crate::runtime::{Runtime, RuntimeError};

/// Two looks must be so far apart to tell a rate.
const SHORTEST: Duration = Duration::from_secs(1);
/// A look before this one is too old to tell what is used now.
const LONGEST: Duration = Duration::from_secs(60);

/// Remembers one look, which is of the containers that ran then, so that the next one makes rates.
#[derive(Default)]
pub(crate) struct Sampler {
    before: Mutex<Totals>,
}

/// Totals of the node (under no name) and of containers by id.
type Totals = HashMap<String, CpuTotal>;

/// How many thousand-millionths of a processor each uses.
#[derive(Debug, Default)]
pub(crate) struct Rates(HashMap<String, u64>);

impl Rates {
    /// Of the node.
    pub(crate) fn host(&self) -> Option<u64> {
        self.0.get("").copied()
    }

    /// Of a container, by its id.
    pub(crate) fn container(&self, id: &str) -> Option<u64> {
        self.0.get(id).copied()
    }
}

impl Sampler {
    /// Looks once, or twice if what is remembered does not tell the rates of all that runs now.
    pub(crate) async fn sample(
        &self,
        runtime: &impl Runtime,
    ) -> Result<(Sample, Rates), RuntimeError> {
        let first = Sample::take(runtime).await?;
        let before = self.before.lock().clone();
        let rates = rates(&before, &totals(&first));
        if rates.0.len() == 1 + first.containers.len() {
            self.remember(&first);
            return Ok((first, rates));
        }
        tokio::time::sleep(SHORTEST).await;
        let second = Sample::take(runtime).await?;
        let mut base = totals(&first);
        base.extend(
            before
                .into_iter()
                .filter(|(id, _)| rates.0.contains_key(id)),
        );
        let rates = self::rates(&base, &totals(&second));
        self.remember(&second);
        Ok((second, rates))
    }

    /// Takes a look for the next one to start from, but not a younger one while the older will do.
    fn remember(&self, sample: &Sample) {
        let mut before = self.before.lock();
        let mut now = totals(sample);
        for (id, total) in &mut now {
            if let Some(old) = before.get(id).filter(|old| !is_old(old, total)) {
                *total = *old;
            }
        }
        *before = now;
    }
}

/// Whether a remembered look is to be replaced by this one: a part of the time for which it is good is over.
fn is_old(before: &CpuTotal, now: &CpuTotal) -> bool {
    between(before, now).is_none_or(|passed| passed > LONGEST / 4)
}

fn between(before: &CpuTotal, now: &CpuTotal) -> Option<Duration> {
    let nanos = u64::try_from(now.at.checked_sub(before.at)?).ok()?;
    Some(Duration::from_nanos(nanos))
}

fn totals(sample: &Sample) -> Totals {
    let containers = sample.containers.iter();
    let containers = containers.map(|container| (container.id.clone(), container.cpu));
    containers
        .chain([(String::new(), sample.host.cpu)])
        .collect()
}

fn rates(before: &Totals, now: &Totals) -> Rates {
    let rate = |(id, now): (&String, &CpuTotal)| Some((id.clone(), rate(before.get(id)?, now)?));
    Rates(now.iter().filter_map(rate).collect())
}

/// Thousand-millionths of a processor between two looks, if they are far enough apart and not too far.
fn rate(before: &CpuTotal, now: &CpuTotal) -> Option<u64> {
    let passed = between(before, now)?;
    // A look may come a little early.
    if passed + SHORTEST / 10 < SHORTEST || passed > LONGEST {
        return None;
    }
    let used = u128::from(now.nanos.checked_sub(before.nanos)?);
    u64::try_from(used * 1_000_000_000 / passed.as_nanos()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_needs_two_looks_that_are_well_apart() {
        let total = |nanos: u64, seconds: i64| CpuTotal {
            nanos,
            at: seconds * 1_000_000_000,
        };
        let half_a_core = 5_000_000_000;
        assert_eq!(
            rate(&total(0, 0), &total(half_a_core, 10)),
            Some(500_000_000)
        );
        assert_eq!(rate(&total(0, 0), &total(half_a_core, 0)), None);
        assert_eq!(rate(&total(0, 0), &total(half_a_core, 61)), None);
        assert_eq!(
            rate(&total(9, 0), &total(0, 10)),
            None,
            "the counter began anew"
        );
    }
}
