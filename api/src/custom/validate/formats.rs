//! The formats of strings that are checked (k8s.io/apiextensions-apiserver's `supportedFormats`); others say nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ipnet::IpNet;
use jiff::Timestamp;
use jiff::civil::Date;

use crate::names;

/// Whether the text is of the format.
pub(super) fn matches(format: &str, text: &str) -> bool {
    match format {
        "date" => text.len() == 10 && text.parse::<Date>().is_ok(),
        "date-time" | "datetime" => text.parse::<Timestamp>().is_ok(),
        "duration" => is_duration(text),
        "ipv4" => text.parse::<Ipv4Addr>().is_ok(),
        "ipv6" => text.parse::<Ipv6Addr>().is_ok(),
        "ip" => text.parse::<IpAddr>().is_ok(),
        "cidr" => text.contains('/') && text.parse::<IpNet>().is_ok(),
        "mac" => is_mac(text),
        "uuid" | "uuid3" | "uuid4" | "uuid5" => is_uuid(format, text),
        "hostname" => names::dns_subdomain(&text.to_lowercase()).is_empty(),
        "email" => is_email(text),
        "uri" => text.contains(':') || text.starts_with('/'),
        "byte" => BASE64_STANDARD.decode(text).is_ok(),
        "k8s-short-name" => names::dns_label(text).is_empty(),
        "k8s-long-name" => names::dns_subdomain(text).is_empty(),
        _ => true,
    }
}

/// `1h30m`, `-1.5s`, `10ms`, and as go-openapi also takes it `3 days`.
fn is_duration(text: &str) -> bool {
    const UNITS: [&str; 27] = [
        "ns", "us", "µs", "ms", "s", "m", "h", "d", "w", "nano", "micro", "milli", "sec", "second",
        "min", "minute", "hr", "hour", "day", "wk", "week", "secs", "mins", "hrs", "nanos",
        "micros", "millis",
    ];
    let mut rest = text.trim().trim_start_matches(['-', '+']);
    if rest == "0" {
        return true;
    }
    if rest.is_empty() {
        return false;
    }
    while !rest.is_empty() {
        let number = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        if number.len() == rest.len() {
            return false;
        }
        let unit = number.trim_start();
        let after = unit.trim_start_matches(|c: char| c.is_alphabetic());
        let name = &unit[..unit.len() - after.len()];
        let singular = name.strip_suffix('s').unwrap_or(name);
        if !UNITS.contains(&name) && !UNITS.contains(&singular) {
            return false;
        }
        rest = after.trim_start();
    }
    true
}

fn is_mac(text: &str) -> bool {
    let parts: Vec<&str> = text.split([':', '-']).collect();
    matches!(parts.len(), 6 | 8)
        && parts
            .iter()
            .all(|part| part.len() == 2 && u8::from_str_radix(part, 16).is_ok())
}

fn is_uuid(format: &str, text: &str) -> bool {
    let hex: String = text.chars().filter(|char| *char != '-').collect();
    let version = format.strip_prefix("uuid").unwrap_or_default();
    hex.len() == 32
        && matches!(text.len(), 32 | 36)
        && hex.chars().all(|char| char.is_ascii_hexdigit())
        && (version.is_empty() || hex[12..].starts_with(version))
}

fn is_email(text: &str) -> bool {
    text.rsplit_once('@')
        .is_some_and(|(local, host)| !local.is_empty() && !host.is_empty() && !text.contains(' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats() {
        let cases = [
            ("date", "2026-01-01", "2026-13-01"),
            ("date-time", "2026-01-01T00:00:00Z", "2026-01-01"),
            ("duration", "1h30m", "1x"),
            ("duration", "3 days", "days"),
            ("ipv4", "10.0.0.1", "10.0.0"),
            ("ipv6", "::1", "10.0.0.1"),
            ("cidr", "10.0.0.0/8", "10.0.0.0"),
            ("mac", "00:11:22:33:44:55", "00:11"),
            (
                "uuid4",
                "0b5e0a4e-3f0c-4b43-8f3a-6f9d1f8f2f10",
                "0b5e0a4e-3f0c-1b43-8f3a-6f9d1f8f2f10",
            ),
            ("email", "a@b.c", "a.b.c"),
            ("uri", "http://a/b", "a b"),
            ("byte", "aGVsbG8=", "no!"),
        ];
        for (format, good, bad) in cases {
            assert!(matches(format, good), "{format} {good}");
            assert!(!matches(format, bad), "{format} {bad}");
        }
        assert!(matches("unheard-of", "anything"));
    }
}
