//! The rules of IngressSpec.

use std::net::IpAddr;

use super::backend;
use crate::field::Errors;
use crate::kinds::common::{Field, checks};
use crate::names;

const PATH_TYPES: &[&str] = &["Exact", "ImplementationSpecific", "Prefix"];
const NOT_IN_PATHS: [&str; 5] = ["//", "/./", "/../", "%2f", "%2F"];
const NOT_AT_THE_END: [&str; 2] = ["/..", "/."];

/// What is wrong with an IngressSpec (`ValidateIngressSpec`).
pub(super) fn validate(spec: &Field<'_>) -> Errors {
    let mut errors = Errors::new();
    let (rules, default) = (spec.get("rules"), spec.get("defaultBackend"));
    if rules.is_empty() && !default.is_set() {
        let words = "either `defaultBackend` or `rules` must be specified";
        let none = rules.value().clone();
        errors.push(crate::field::Error::invalid(spec.path(), none, words));
    }
    if default.is_set() {
        backend::validate(&default, &mut errors);
    }
    for rule in rules.items() {
        let name = rule.get("host");
        not_an_address(&name, &mut errors);
        host(&name, &mut errors);
        http(&rule.get("http"), &mut errors);
    }
    for tls in spec.get("tls").items() {
        for name in tls.get("hosts").items() {
            tls_host(&name, &mut errors);
        }
        checks::name(&tls.get("secretName"), names::dns_subdomain, &mut errors);
    }
    let class = spec.get("ingressClassName");
    if class.is_set() {
        checks::must_follow(&class, names::dns_subdomain, &mut errors);
    }
    errors
}

/// A host that is none but a name.
pub(super) fn not_an_address(host: &Field<'_>, errors: &mut Errors) {
    if host.str().parse::<IpAddr>().is_ok() {
        errors.push(host.invalid("must be a DNS name, not an IP address"));
    }
}

fn host(host: &Field<'_>, errors: &mut Errors) {
    if !host.is_empty() {
        tls_host(host, errors);
    }
}

fn tls_host(host: &Field<'_>, errors: &mut Errors) {
    let rule = match host.str().contains('*') {
        true => names::wildcard_dns_subdomain,
        false => names::dns_subdomain,
    };
    checks::must_follow(host, rule, errors);
}

fn http(http: &Field<'_>, errors: &mut Errors) {
    if !http.is_set() {
        return;
    }
    checks::required(&http.get("paths"), errors);
    for rule in http.get("paths").items() {
        let kind = rule.get("pathType");
        if kind.is_empty() && !kind.is_set() {
            errors.push(kind.required("pathType must be specified"));
            continue;
        }
        path(&rule.get("path"), &kind, errors);
        backend::validate(&rule.get("backend"), errors);
    }
}

fn path(path: &Field<'_>, kind: &Field<'_>, errors: &mut Errors) {
    let relative = !path.str().starts_with('/');
    let absolute = "must be an absolute path";
    match kind.str() {
        "Exact" | "Prefix" => {
            if relative {
                errors.push(crate::field::Error::invalid(
                    path.path(),
                    path.str(),
                    absolute,
                ));
            }
            let inside = NOT_IN_PATHS
                .iter()
                .filter(|part| path.str().contains(**part));
            errors.extend(inside.map(|part| path.invalid(format!("must not contain '{part}'"))));
            let end = NOT_AT_THE_END
                .iter()
                .filter(|part| path.str().ends_with(**part));
            errors.extend(end.map(|part| path.invalid(format!("cannot end with '{part}'"))));
        }
        "ImplementationSpecific" => {
            if !path.is_empty() && relative {
                errors.push(path.invalid(absolute));
            }
        }
        _ => errors.push(kind.not_supported(PATH_TYPES)),
    }
}
