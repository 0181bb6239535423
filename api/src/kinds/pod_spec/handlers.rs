//! Probes and lifecycle hooks: what the kubelet runs in, or asks of, a container.

use crate::field::{Error, Errors};
use crate::kinds::common::Field;
use crate::kinds::common::checks;
use crate::kinds::common::net;
use crate::names;

const PROBE_NUMBERS: &[&str] = &[
    "initialDelaySeconds",
    "timeoutSeconds",
    "periodSeconds",
    "successThreshold",
    "failureThreshold",
];

/// What is wrong with the probes and hooks of a container, in a Pod that has `grace_seconds` to end.
pub(super) fn validate(container: &Field<'_>, grace_seconds: i64, errors: &mut Errors) {
    for hook in ["postStart", "preStop"] {
        let hook = container.get("lifecycle").get(hook);
        if hook.is_set() {
            handler(&hook, &["exec", "httpGet", "tcpSocket", "sleep"], errors);
            sleep(&hook.get("sleep"), grace_seconds, errors);
        }
    }
    for name in ["livenessProbe", "readinessProbe", "startupProbe"] {
        let probe = container.get(name);
        if probe.is_set() {
            validate_probe(&probe, name, errors);
        }
    }
}

fn sleep(action: &Field<'_>, grace_seconds: i64, errors: &mut Errors) {
    let seconds = action.get("seconds").int().unwrap_or_default();
    if action.is_set() && !(0..=grace_seconds).contains(&seconds) {
        let words = format!(
            "must be non-negative and less than terminationGracePeriodSeconds ({grace_seconds})"
        );
        errors.push(Error::invalid(action.path(), seconds, words));
    }
}

fn validate_probe(probe: &Field<'_>, name: &str, errors: &mut Errors) {
    handler(probe, &["exec", "httpGet", "tcpSocket", "grpc"], errors);
    checks::all_non_negative(probe, PROBE_NUMBERS, errors);
    let grace = probe.get("terminationGracePeriodSeconds");
    if grace.int().is_some_and(|seconds| seconds <= 0) {
        errors.push(grace.invalid("must be greater than 0"));
    }
    if name == "readinessProbe" && grace.is_set() {
        errors.push(grace.invalid("must not be set for readinessProbes"));
    }
    let successes = probe.get("successThreshold");
    if name != "readinessProbe" && successes.int().is_some_and(|count| count != 1) {
        errors.push(successes.invalid("must be 1"));
    }
}

fn handler(handler: &Field<'_>, types: &[&str], errors: &mut Errors) {
    let (none, several) = (
        "must specify a handler type",
        "may not specify more than 1 handler type",
    );
    let Some(kind) = checks::exactly_one(handler, types, none, several, errors) else {
        return;
    };
    let action = handler.get(kind);
    match kind {
        "exec" => checks::required(&action.get("command"), errors),
        "httpGet" => http_get(&action, errors),
        "tcpSocket" => net::port_number_or_name(&action.get("port"), errors),
        "grpc" => net::port_number(&action.get("port"), errors),
        _ => {}
    }
}

fn http_get(action: &Field<'_>, errors: &mut Errors) {
    checks::required(&action.get("path"), errors);
    net::port_number_or_name(&action.get("port"), errors);
    checks::one_of(&action.get("scheme"), &["HTTP", "HTTPS"], errors);
    let headers = action.get("httpHeaders");
    for header in headers.items() {
        let name = header.get("name");
        let name = Field::at(headers.path().clone(), name.value());
        checks::must_follow(&name, names::http_header, errors);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::kinds::common::testing::words;

    fn wrong(container: Value) -> Vec<String> {
        let mut errors = Errors::new();
        validate(&Field::root(&container), 30, &mut errors);
        words(&errors)
    }

    #[test]
    fn what_users_get_wrong() {
        for (container, expected) in [
            (
                json!({"livenessProbe": {"exec": {"command": ["true"]}}}),
                vec![],
            ),
            (
                json!({"livenessProbe": {}}),
                vec!["livenessProbe: Required value: must specify a handler type"],
            ),
            (
                json!({"readinessProbe": {"exec": {}, "tcpSocket": {"port": 80}}}),
                vec![
                    "readinessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type",
                    "readinessProbe.exec.command: Required value",
                ],
            ),
            (
                json!({"livenessProbe": {"tcpSocket": {"port": 0}, "periodSeconds": -1, "successThreshold": 2}}),
                vec![
                    "livenessProbe.tcpSocket.port: Invalid value: 0: must be between 1 and 65535, inclusive",
                    "livenessProbe.periodSeconds: Invalid value: -1: must be greater than or equal to 0",
                    "livenessProbe.successThreshold: Invalid value: 2: must be 1",
                ],
            ),
            (
                json!({"lifecycle": {"preStop": {"httpGet": {"path": "/", "port": "http", "scheme": "FTP"}}}}),
                vec![
                    "lifecycle.preStop.httpGet.scheme: Unsupported value: \"FTP\": \
                     supported values: \"HTTP\", \"HTTPS\"",
                ],
            ),
        ] {
            assert_eq!(wrong(container.clone()), expected, "{container}");
        }
    }
}
