//! The devices that a claim asks for.

use serde_json::Value;

use super::selectors;
use crate::field::Errors;
use crate::kinds::common::checks::Seen;
use crate::kinds::common::defaults::{default_nonzero, default_to, each, existing};
use crate::kinds::common::{Field, checks};
use crate::names;

/// The most requests, constraints and configurations of a claim.
const MAX_ITEMS: usize = 32;
/// The most alternatives of one request.
const MAX_ALTERNATIVES: usize = 8;

/// Fills in what a claim's `spec` leaves out.
pub(super) fn default(spec: &mut Value) {
    let Some(devices) = existing(spec, "devices") else {
        return;
    };
    for request in each(devices, "requests") {
        if let Some(exactly) = existing(request, "exactly") {
            default_one(exactly);
        }
        each(request, "firstAvailable").for_each(default_one);
    }
}

fn default_one(request: &mut Value) {
    default_to(request, "allocationMode", "ExactCount");
    if request["allocationMode"] == "ExactCount" {
        default_nonzero(request, "count", 1);
    }
    for toleration in each(request, "tolerations") {
        default_to(toleration, "operator", "Equal");
    }
}

/// What is wrong with a claim's `spec`.
pub(super) fn validate(spec: &Field<'_>, errors: &mut Errors) {
    let devices = spec.get("devices");
    let requests = devices.get("requests");
    selectors::at_most(&requests, MAX_ITEMS, errors);
    let mut seen = Seen::new();
    for request in requests.items() {
        let name = request.get("name");
        checks::required_name(&name, names::dns_label, errors);
        seen.add(name.str(), &name, errors);
        validate_request(&request, errors);
    }
    let known: Vec<&str> = requests.items().map(|it| it.get("name").str()).collect();
    for list in ["constraints", "config"] {
        let list = devices.get(list);
        selectors::at_most(&list, MAX_ITEMS, errors);
        for item in list.items() {
            references(&item.get("requests"), &known, errors);
        }
    }
    for constraint in devices.get("constraints").items() {
        let attributes = ["matchAttribute", "distinctAttribute"];
        if attributes.iter().all(|name| !constraint.get(name).is_set()) {
            errors
                .push(constraint.required(
                    "exactly one of `matchAttribute` or `distinctAttribute` is required",
                ));
        }
    }
    selectors::configuration(&devices.get("config"), errors);
}

fn validate_request(request: &Field<'_>, errors: &mut Errors) {
    let (exactly, alternatives) = (request.get("exactly"), request.get("firstAvailable"));
    let words = "exactly one of `exactly` or `firstAvailable` is required";
    match (exactly.is_set(), alternatives.len()) {
        (false, 0) => errors.push(request.required(words)),
        (true, 1..) => errors.push(request.invalid(words)),
        (true, 0) => validate_one(&exactly, errors),
        (false, _) => {
            selectors::at_most(&alternatives, MAX_ALTERNATIVES, errors);
            let mut seen = Seen::new();
            for alternative in alternatives.items() {
                let name = alternative.get("name");
                checks::required_name(&name, names::dns_label, errors);
                seen.add(name.str(), &name, errors);
                validate_one(&alternative, errors);
            }
        }
    }
}

fn validate_one(request: &Field<'_>, errors: &mut Errors) {
    let class = request.get("deviceClassName");
    checks::required_name(&class, names::dns_subdomain, errors);
    selectors::validate(&request.get("selectors"), errors);
    let (mode, count) = (request.get("allocationMode"), request.get("count"));
    match mode.str() {
        "ExactCount" if count.int().unwrap_or_default() <= 0 => {
            errors.push(count.invalid("must be greater than zero"));
        }
        "All" if count.int().unwrap_or_default() != 0 => {
            let words = "must not be specified when allocationMode is 'All'";
            errors.push(count.invalid(words));
        }
        "ExactCount" | "All" => {}
        _ => errors.push(mode.not_supported(&["All", "ExactCount"])),
    }
}

/// The names of requests, or of alternatives as `request/alternative`.
fn references(names: &Field<'_>, known: &[&str], errors: &mut Errors) {
    for name in names.items() {
        let request = name.str().split('/').next().unwrap_or_default();
        if !known.contains(&request) {
            let words = "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'";
            errors.push(name.invalid(words));
        }
    }
}
