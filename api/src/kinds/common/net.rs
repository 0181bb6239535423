//! Rules of ports and addresses.

use std::net::{IpAddr, Ipv4Addr};
use std::ops::RangeInclusive;

use serde_json::Value;

use super::Field;
use super::checks;
use crate::field::{Error, Errors};
use crate::names;

/// Port numbers.
pub(crate) const PORTS: RangeInclusive<i64> = 1..=65535;
/// The protocols of ports.
const PROTOCOLS: &[&str] = &["SCTP", "TCP", "UDP"];

/// The protocol of a port, which must be set.
pub(crate) fn protocol(field: &Field<'_>, errors: &mut Errors) {
    checks::one_of(field, PROTOCOLS, errors);
}

/// A port that must be given by number; a missing one is 0.
pub(crate) fn port_number(field: &Field<'_>, errors: &mut Errors) {
    let number = field.int().unwrap_or_default();
    let wrong = names::port_number(number);
    errors.extend(
        wrong
            .into_iter()
            .map(|words| Error::invalid(field.path(), number, words)),
    );
}

/// A port that must be given by number or by name.
pub(crate) fn port_number_or_name(field: &Field<'_>, errors: &mut Errors) {
    match field.value() {
        Value::String(name) => {
            let wrong = names::port_name(name);
            errors.extend(field.invalid_each(wrong));
        }
        _ => port_number(field, errors),
    }
}

/// An IP address, if set.
pub(crate) fn ip(field: &Field<'_>, errors: &mut Errors) -> Option<IpAddr> {
    checks::name(field, names::ip, errors);
    field.str().parse().ok()
}

/// An IP address that may stand for something outside (`ValidateNonSpecialIP`): not unspecified, loopback or
/// link-local, so that nobody can reach a node's own services through it.
pub(crate) fn endpoint_ip(field: &Field<'_>, errors: &mut Errors) {
    let Some(ip) = ip(field, errors) else { return };
    if ip.is_unspecified() {
        errors.push(field.invalid("may not be unspecified (0.0.0.0 or ::)"));
    }
    if ip.is_loopback() {
        errors.push(field.invalid("may not be in the loopback range (127.0.0.0/8, ::1/128)"));
    }
    let (link_local, multicast) = match ip {
        IpAddr::V4(v4) => (
            v4.is_link_local(),
            v4 & LAST_BYTE_OFF == LINK_LOCAL_MULTICAST,
        ),
        IpAddr::V6(v6) => (v6.is_unicast_link_local(), v6.segments()[0] == 0xff02),
    };
    if link_local {
        let words = "may not be in the link-local range (169.254.0.0/16, fe80::/10)";
        errors.push(field.invalid(words));
    }
    if multicast {
        let words = "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)";
        errors.push(field.invalid(words));
    }
}

const LAST_BYTE_OFF: Ipv4Addr = Ipv4Addr::new(255, 255, 255, 0);
const LINK_LOCAL_MULTICAST: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 0);

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::common::testing::wrong;

    #[test]
    fn ports() {
        assert_eq!(
            wrong(json!(null), port_number),
            ["x: Invalid value: 0: must be between 1 and 65535, inclusive"]
        );
        assert_eq!(
            wrong(json!(70000), port_number_or_name),
            ["x: Invalid value: 70000: must be between 1 and 65535, inclusive"]
        );
        assert_eq!(wrong(json!("http"), port_number_or_name), [""; 0]);
        assert_eq!(
            wrong(json!("tcp"), protocol),
            ["x: Unsupported value: \"tcp\": supported values: \"SCTP\", \"TCP\", \"UDP\""]
        );
    }

    #[test]
    fn endpoint_addresses() {
        assert_eq!(wrong(json!("10.0.0.1"), endpoint_ip), [""; 0]);
        assert_eq!(wrong(json!("2001:db8::1"), endpoint_ip), [""; 0]);
        for (address, rule) in [
            (
                "ten",
                "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
            ),
            ("0.0.0.0", "may not be unspecified (0.0.0.0 or ::)"),
            (
                "127.0.0.1",
                "may not be in the loopback range (127.0.0.0/8, ::1/128)",
            ),
            (
                "::1",
                "may not be in the loopback range (127.0.0.0/8, ::1/128)",
            ),
            (
                "169.254.1.1",
                "may not be in the link-local range (169.254.0.0/16, fe80::/10)",
            ),
            (
                "224.0.0.5",
                "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)",
            ),
        ] {
            let expected = format!("x: Invalid value: {address:?}: {rule}");
            assert_eq!(wrong(json!(address), endpoint_ip), [expected]);
        }
    }
}
