//! Whether a Lease has run out (<https://kubernetes.io/docs/concepts/architecture/leases/>). Who watches it tells by the clock
//! of his own machine how long it was not renewed; who finds it at his start has its own word alone.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};

/// For how long a Lease lasts that was not renewed for `silent`; zero when it has run out. One that tells no duration has
/// never lasted.
pub fn rest(lease: &Lease, silent: Duration) -> Duration {
    let seconds = spec(lease).and_then(|spec| spec.lease_duration_seconds);
    let seconds = seconds.and_then(|seconds| u64::try_from(seconds).ok());
    Duration::from_secs(seconds.unwrap_or(0)).saturating_sub(silent)
}

/// For how long a Lease was not renewed at a time, by the clock of its holder; for ever, if it does not tell.
pub fn silent(lease: &Lease, now: Timestamp) -> Duration {
    let renewed = spec(lease).and_then(|spec| spec.renew_time.as_ref());
    let made = lease.metadata.creation_timestamp.as_ref();
    let last = renewed.map(|time| time.0).or(made.map(|time| time.0));
    last.map_or(Duration::MAX, |last| {
        // A clock that is ahead of this one.
        Duration::try_from(now.duration_since(last)).unwrap_or_default()
    })
}

/// Who holds a Lease, or nobody: "".
pub fn holder(lease: &Lease) -> &str {
    let holder = spec(lease).and_then(|spec| spec.holder_identity.as_deref());
    holder.unwrap_or_default()
}

fn spec(lease: &Lease) -> Option<&LeaseSpec> {
    lease.spec.as_ref()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, from_value, json};

    use super::*;

    fn lease(spec: Value) -> Lease {
        let metadata = json!({"creationTimestamp": "2026-01-01T00:00:10Z"});
        from_value(json!({"metadata": metadata, "spec": spec})).expect("a Lease")
    }

    #[test]
    fn a_lease_lasts_as_long_as_it_tells() {
        let cases = [
            (json!({"leaseDurationSeconds": 15}), 0, 15),
            (json!({"leaseDurationSeconds": 15}), 14, 1),
            (json!({"leaseDurationSeconds": 15}), 15, 0),
            (json!({"leaseDurationSeconds": 15}), 99, 0),
            (json!({"leaseDurationSeconds": -1}), 0, 0),
            (json!({}), 0, 0),
        ];
        for (spec, silent, expected) in cases {
            let lease = lease(spec.clone());
            let rest = rest(&lease, Duration::from_secs(silent));
            assert_eq!(rest.as_secs(), expected, "{spec} after {silent} s");
        }
    }

    #[test]
    fn it_is_silent_since_it_was_renewed_or_made() {
        let now: Timestamp = "2026-01-01T00:01:00Z".parse().expect("a time");
        let cases = [
            (json!({"renewTime": "2026-01-01T00:00:45.000000Z"}), 15),
            (json!({"renewTime": "2026-01-01T00:02:00.000000Z"}), 0),
            (json!({}), 50),
        ];
        for (spec, expected) in cases {
            let silent = silent(&lease(spec.clone()), now);
            assert_eq!(silent.as_secs(), expected, "{spec}");
        }
        assert_eq!(silent(&Lease::default(), now), Duration::MAX);
    }

    #[test]
    fn nobody_holds_a_lease_that_names_nobody() {
        assert_eq!(holder(&lease(json!({"holderIdentity": "a"}))), "a");
        assert_eq!(holder(&lease(json!({}))), "");
        assert_eq!(holder(&Lease::default()), "");
    }
}
