//! What is to be done about a Lease: pure.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use skiff_api::leases::{self, holder};

/// What a candidate does.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Writes itself down as the holder.
    Take,
    /// Waits as long, unless the Lease changes.
    Wait(Duration),
}

/// What a candidate does who has seen the Lease unchanged for so long.
pub(super) fn next(lease: Option<&Lease>, identity: &str, unchanged: Duration) -> Next {
    let Some(lease) = lease else {
        return Next::Take;
    };
    let is_free = ["", identity].contains(&holder(lease));
    match leases::rest(lease, unchanged) {
        rest if rest.is_zero() || is_free => Next::Take,
        rest => Next::Wait(rest),
    }
}

/// The Lease as its holder writes it.
pub(super) fn held(
    old: Option<&Lease>,
    name: &str,
    identity: &str,
    duration: Duration,
    now: Timestamp,
) -> Lease {
    let mut lease = old.cloned().unwrap_or_else(|| Lease {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            ..ObjectMeta::default()
        },
        ..Lease::default()
    });
    let is_renewed = old.is_some_and(|old| holder(old) == identity);
    let spec = lease.spec.get_or_insert_with(LeaseSpec::default);
    if !is_renewed {
        spec.acquire_time = Some(MicroTime(now));
        spec.lease_transitions = Some(match old {
            Some(_) => spec.lease_transitions.unwrap_or(0).saturating_add(1),
            None => 0,
        });
    }
    spec.holder_identity = Some(identity.to_owned());
    spec.lease_duration_seconds = i32::try_from(duration.as_secs()).ok();
    spec.renew_time = Some(MicroTime(now));
    lease
}

/// The Lease as who ends leaves it: nobody holds it.
pub(super) fn released(lease: &Lease) -> Lease {
    let mut lease = lease.clone();
    let spec = lease.spec.get_or_insert_with(LeaseSpec::default);
    spec.holder_identity = None;
    lease
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERM: Duration = Duration::from_secs(15);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    fn lease_of(identity: &str) -> Lease {
        held(None, "kube-scheduler", identity, TERM, at(100))
    }

    #[test]
    fn who_is_silent_for_its_whole_term_loses_it() {
        let other = lease_of("b");
        let after = |seconds| next(Some(&other), "a", Duration::from_secs(seconds));
        assert_eq!(after(0), Next::Wait(TERM));
        assert_eq!(after(14), Next::Wait(Duration::from_secs(1)));
        assert_eq!(after(15), Next::Take);
        assert_eq!(after(99), Next::Take);
    }

    #[test]
    fn what_is_free_or_ones_own_is_taken_at_once() {
        let zero = Duration::ZERO;
        assert_eq!(next(None, "a", zero), Next::Take);
        assert_eq!(next(Some(&lease_of("a")), "a", zero), Next::Take);
        assert_eq!(next(Some(&released(&lease_of("b"))), "a", zero), Next::Take);
        assert_eq!(next(Some(&Lease::default()), "a", zero), Next::Take);
    }

    #[test]
    fn a_lease_tells_of_its_holders() {
        let first = lease_of("a");
        let renewed = held(Some(&first), "kube-scheduler", "a", TERM, at(104));
        let taken = held(Some(&renewed), "kube-scheduler", "b", TERM, at(120));
        let told = |lease: &Lease| {
            let spec = lease.spec.clone().expect("a spec");
            let second = |time: Option<MicroTime>| time.expect("a time").0.as_second();
            (
                holder(lease).to_owned(),
                second(spec.acquire_time),
                second(spec.renew_time),
                spec.lease_transitions.expect("a count"),
            )
        };
        assert_eq!(told(&first), ("a".to_owned(), 100, 100, 0));
        assert_eq!(told(&renewed), ("a".to_owned(), 100, 104, 0));
        assert_eq!(told(&taken), ("b".to_owned(), 120, 120, 1));
        assert_eq!(holder(&released(&taken)), "");
    }
}
