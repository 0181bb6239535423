//! CertificateSigningRequests: who wants which certificate, whether it is approved, and the certificate.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::common::cells::{items, text};
use super::common::{Field, cells, checks, describe, same};
use crate::field::{Errors, Path};
use crate::{Column, Descriptor, Strategy, duration, metadata, names};

/// What a certificate may be for (certificates.k8s.io/v1 KeyUsage).
const USAGES: [&str; 23] = [
    "any",
    "cert sign",
    "client auth",
    "code signing",
    "content commitment",
    "crl sign",
    "data encipherment",
    "decipher only",
    "digital signature",
    "email protection",
    "encipher only",
    "ipsec end system",
    "ipsec tunnel",
    "ipsec user",
    "key agreement",
    "key encipherment",
    "microsoft sgc",
    "netscape sgc",
    "ocsp signing",
    "s/mime",
    "server auth",
    "signing",
    "timestamping",
];
/// The shortest life that may be asked for, in seconds.
const MIN_SECONDS: i64 = 600;

pub(super) fn descriptor() -> Descriptor {
    Descriptor {
        short_names: describe::short("csr"),
        subresources: describe::status(),
        ..describe::cluster(
            describe::CERTIFICATES,
            "CertificateSigningRequest",
            "certificatesigningrequests",
            Request,
        )
    }
}

pub(super) struct Request;

impl Strategy for Request {
    /// The spec never changes: it names who asked.
    fn prepare_update(&self, new: &mut Value, old: &Value) {
        if let Some(new) = new.as_object_mut() {
            new.insert("spec".to_owned(), old["spec"].clone());
        }
    }

    fn validate(&self, request: &Value) -> Errors {
        let mut errors = Errors::new();
        let spec = Field::root(request).get("spec");
        encoded_request(&spec.get("request"), &mut errors);
        signer(&spec.get("signerName"), &mut errors);
        let usages = spec.get("usages");
        checks::required(&usages, &mut errors);
        let mut seen = checks::Seen::new();
        for usage in usages.items() {
            checks::one_of(&usage, &USAGES, &mut errors);
            seen.add(usage.str(), &usage, &mut errors);
        }
        let life = spec.get("expirationSeconds");
        if life.int().is_some_and(|seconds| seconds < MIN_SECONDS) {
            errors.push(
                life.invalid("may not specify a duration less than 600 seconds (10 minutes)"),
            );
        }
        errors
    }

    /// A decision stays: conditions of the kinds that decide are neither taken back nor turned round.
    fn validate_status(&self, new: &Value, old: &Value) -> Errors {
        let mut errors = Errors::new();
        let status = Field::root(new).get("status");
        let conditions = status.get("conditions");
        for kind in ["Approved", "Denied", "Failed"] {
            if has(old, kind) && !has(new, kind) {
                let words = format!("updates may not remove a condition of type {kind:?}");
                errors.push(conditions.forbidden(&words));
            }
        }
        if has(new, "Approved") && has(new, "Denied") {
            let words = "Approved and Denied conditions are mutually exclusive";
            errors.push(conditions.invalid(words));
        }
        for condition in conditions.items() {
            checks::required(&condition.get("type"), &mut errors);
            checks::one_of(
                &condition.get("status"),
                &["False", "True", "Unknown"],
                &mut errors,
            );
            let decides = ["Approved", "Denied", "Failed"];
            let kind = condition.get("type");
            if decides.contains(&kind.str()) && condition.get("status").str() != "True" {
                let status = condition.get("status");
                errors.push(status.invalid(format!("must be True for type {:?}", kind.str())));
            }
        }
        let (certificate, was) = (status.get("certificate"), text(old, "/status/certificate"));
        if !was.is_empty() && !same(certificate.value(), &old["status"]["certificate"]) {
            errors.push(certificate.forbidden("updates may not change a certificate"));
        }
        errors
    }

    fn selectable_field(&self, request: &Value, field: &str) -> Option<String> {
        (field == "spec.signerName").then(|| text(request, "/spec/signerName").to_owned())
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            cells::name_column(),
            cells::age_column(),
            Column::new("SignerName", "string"),
            Column::new("Requestor", "string"),
            Column::new("RequestedDuration", "string"),
            Column::new("Condition", "string"),
        ]
    }

    fn cells(&self, request: &Value, now: Timestamp) -> Vec<Value> {
        let duration = match request["spec"]["expirationSeconds"].as_i64() {
            Some(seconds) => duration::human_duration(SignedDuration::from_secs(seconds)),
            None => cells::NONE.to_owned(),
        };
        vec![
            cells::name(request),
            cells::age(request, now),
            text(request, "/spec/signerName").into(),
            text(request, "/spec/username").into(),
            duration.into(),
            condition(request).into(),
        ]
    }

    fn validate_name(&self, name: &str, path: &Path) -> Errors {
        metadata::invalid(path, name, names::path_segment(name))
    }
}

fn has(request: &Value, kind: &str) -> bool {
    let mut conditions = items(request, "/status/conditions").iter();
    conditions.any(|condition| condition["type"] == kind)
}

/// `Approved,Issued`, or `Pending` while nobody has decided.
fn condition(request: &Value) -> String {
    let decided = ["Approved", "Denied"]
        .into_iter()
        .find(|kind| has(request, kind));
    let failed = has(request, "Failed").then_some("Failed");
    let issued = (!text(request, "/status/certificate").is_empty()).then_some("Issued");
    let parts = [decided.or(Some("Pending")), failed, issued];
    parts.into_iter().flatten().collect::<Vec<_>>().join(",")
}

/// A PKCS#10 request in PEM, as base64; whether it is sound is the API server's to say.
fn encoded_request(request: &Field<'_>, errors: &mut Errors) {
    checks::required(request, errors);
    let pem = BASE64.decode(request.str()).unwrap_or_default();
    let is_request = pem.starts_with(b"-----BEGIN CERTIFICATE REQUEST-----")
        || pem.starts_with(b"-----BEGIN NEW CERTIFICATE REQUEST-----");
    if !request.is_empty() && !is_request {
        errors.push(request.invalid("PEM block type must be CERTIFICATE REQUEST"));
    }
}

/// `example.com/some-signer`.
fn signer(name: &Field<'_>, errors: &mut Errors) {
    checks::required(name, errors);
    if name.is_empty() {
        return;
    }
    match name.str().split_once('/') {
        Some((domain, path)) => {
            errors.extend(name.invalid_each(names::dns_subdomain(domain)));
            for part in path.split('.') {
                errors.extend(name.invalid_each(names::dns_label(part)));
            }
        }
        None => errors.push(name.invalid(
            "must be a fully qualified domain and path of the form 'example.com/signer-name'",
        )),
    }
    if name.str() == "kubernetes.io/legacy-unknown" {
        errors.push(name.invalid("the legacy signerName is not allowed via this API version"));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::common::testing::{assert_row, create_errors, words};

    fn request() -> Value {
        let pem = "-----BEGIN CERTIFICATE REQUEST-----\n";
        json!({
            "metadata": {"name": "jane", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {
                "request": BASE64.encode(pem),
                "signerName": "kubernetes.io/kube-apiserver-client",
                "usages": ["client auth"],
                "username": "admin",
                "expirationSeconds": 86400,
            },
        })
    }

    fn with_conditions(kinds: &[&str]) -> Value {
        let mut object = request();
        let conditions = kinds
            .iter()
            .map(|kind| json!({"type": kind, "status": "True"}));
        object["status"]["conditions"] = conditions.collect();
        object
    }

    #[test]
    fn a_request_in_the_list() {
        let row = |condition: &str| {
            [
                ("Name", json!("jane")),
                ("Age", json!("5m")),
                ("SignerName", json!("kubernetes.io/kube-apiserver-client")),
                ("Requestor", json!("admin")),
                ("RequestedDuration", json!("24h")),
                ("Condition", json!(condition)),
            ]
        };
        assert_row(&Request, &request(), &row("Pending"));
        let mut issued = with_conditions(&["Approved"]);
        assert_row(&Request, &issued, &row("Approved"));
        issued["status"]["certificate"] = "eA==".into();
        assert_row(&Request, &issued, &row("Approved,Issued"));
    }

    #[test]
    fn what_users_get_wrong() {
        assert_eq!(create_errors(&Request, &request()), [""; 0]);
        let mut legacy = request();
        legacy["spec"]["signerName"] = "kubernetes.io/legacy-unknown".into();
        legacy["spec"]["request"] = BASE64.encode("x").into();
        assert_eq!(
            create_errors(&Request, &legacy),
            [
                "spec.request: Invalid value: \"eA==\": PEM block type must be CERTIFICATE REQUEST",
                "spec.signerName: Invalid value: \"kubernetes.io/legacy-unknown\": the legacy signerName is not allowed via this API version",
            ]
        );
    }

    #[test]
    fn a_decision_stays() {
        let cases = [
            (vec![], vec!["Approved"], ""),
            (
                vec!["Approved"],
                vec![],
                "status.conditions: Forbidden: updates may not remove a condition of type \"Approved\"",
            ),
        ];
        for (old, new, expected) in cases {
            let (old, new) = (with_conditions(&old), with_conditions(&new));
            let errors = words(&Request.validate_status(&new, &old)).join("\n");
            assert_eq!(errors, expected);
        }
        let both = with_conditions(&["Approved", "Denied"]);
        let errors = words(&Request.validate_status(&both, &request())).join("\n");
        assert!(
            errors.ends_with("Approved and Denied conditions are mutually exclusive"),
            "{errors}"
        );
    }
}
