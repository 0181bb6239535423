//! Ages as kubectl shows them (k8s.io/apimachinery/pkg/util/duration).

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// A duration in the two units that matter at its size: `45s`, `5m10s`, `3h`, `2d3h`, `1y20d`.
///
/// Up to two seconds in the future is `0s` (clocks differ), more is `<invalid>`.
pub fn human_duration(duration: SignedDuration) -> String {
    let seconds = duration.as_secs();
    let (minutes, hours, days, years) = (
        seconds / 60,
        seconds / 3600,
        seconds / 86_400,
        seconds / 86_400 / 365,
    );
    match seconds {
        ..-1 => "<invalid>".to_owned(),
        -1..0 => "0s".to_owned(),
        0..120 => format!("{seconds}s"),
        _ if minutes < 10 => two(minutes, "m", seconds % 60, "s"),
        _ if minutes < 180 => format!("{minutes}m"),
        _ if hours < 8 => two(hours, "h", minutes % 60, "m"),
        _ if hours < 48 => format!("{hours}h"),
        _ if days < 8 => two(days, "d", hours % 24, "h"),
        _ if years < 2 => format!("{days}d"),
        _ if years < 8 => two(years, "y", days % 365, "d"),
        _ => format!("{years}y"),
    }
}

/// The time from a timestamp field such as `metadata.creationTimestamp` to now; `<unknown>` if there is none.
pub fn age(timestamp: &Value, now: Timestamp) -> String {
    timestamp
        .as_str()
        .and_then(|text| text.parse::<Timestamp>().ok())
        .map_or_else(
            || "<unknown>".to_owned(),
            |then| human_duration(now.duration_since(then)),
        )
}

fn two(large: i64, large_unit: &str, small: i64, small_unit: &str) -> String {
    if small == 0 {
        format!("{large}{large_unit}")
    } else {
        format!("{large}{large_unit}{small}{small_unit}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_kubectl_shows_them() {
        let (minute, hour, day) = (60, 3600, 86_400);
        let cases = [
            (-2, "<invalid>"),
            (-1, "0s"),
            (0, "0s"),
            (119, "119s"),
            (2 * minute, "2m"),
            (5 * minute + 10, "5m10s"),
            (10 * minute + 10, "10m"),
            (179 * minute, "179m"),
            (3 * hour, "3h"),
            (3 * hour + 5 * minute, "3h5m"),
            (8 * hour + 5 * minute, "8h"),
            (47 * hour, "47h"),
            (2 * day, "2d"),
            (2 * day + 3 * hour, "2d3h"),
            (8 * day + 3 * hour, "8d"),
            (729 * day, "729d"),
            (730 * day, "2y"),
            (750 * day, "2y20d"),
            (8 * 365 * day + day, "8y"),
        ];
        for (seconds, words) in cases {
            assert_eq!(
                human_duration(SignedDuration::from_secs(seconds)),
                words,
                "{seconds} s"
            );
        }
    }

    #[test]
    fn an_age_counts_from_a_timestamp() {
        let now: Timestamp = "2026-05-01T12:00:00Z".parse().unwrap();
        assert_eq!(age(&Value::from("2026-05-01T11:55:00Z"), now), "5m");
        assert_eq!(age(&Value::Null, now), "<unknown>");
    }
}
