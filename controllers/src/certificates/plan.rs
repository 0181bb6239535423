//! What becomes of a request for a certificate: who needs nobody's consent, what each signer signs, when a request goes
//! (<https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/#kubernetes-signers>).

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::certificates::v1::CertificateSigningRequest as Request;
use kube::ResourceExt;

use crate::config::WantedCertificate;

const CLIENT: &str = "kubernetes.io/kube-apiserver-client";
const KUBELET_CLIENT: &str = "kubernetes.io/kube-apiserver-client-kubelet";
const KUBELET_SERVING: &str = "kubernetes.io/kubelet-serving";
const NODE: &str = "system:node:";
const NODES: &str = "system:nodes";
/// The longest life that these signers give, and the one that they give unasked.
const MAX_LIFE: Duration = Duration::from_secs(365 * 24 * 3600);
/// The shortest.
const MIN_LIFE: Duration = Duration::from_secs(600);
/// How long a request is kept that was approved or denied, and one that nobody decided on.
const DECIDED: SignedDuration = SignedDuration::from_hours(1);
const PENDING: SignedDuration = SignedDuration::from_hours(24);

/// What is to be done with a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It is old.
    Delete,
    /// Approve it if its writer may `create` this subresource of certificatesigningrequests.
    Approve(&'static str),
    /// Sign it, for that long.
    Sign(Duration),
    /// It is approved, but asks for what its signer does not sign.
    Fail(String),
    /// Nothing, until its time is over.
    Wait(SignedDuration),
}

/// The next step, for a request whose body asks for this.
pub(super) fn step(request: &Request, wanted: Option<&WantedCertificate>, now: Timestamp) -> Step {
    let has = |kind: &str| conditions(request).any(|known| known == kind);
    let created = request.creation_timestamp().map_or(now, |time| time.0);
    let kept = match has("Approved") || has("Denied") || has("Failed") {
        true => DECIDED,
        false => PENDING,
    };
    let left = kept - now.duration_since(created);
    if !left.is_positive() {
        return Step::Delete;
    }
    let is_open = !has("Denied") && !has("Failed") && !is_issued(request);
    let signer = request.spec.signer_name.as_str();
    match wanted {
        Some(wanted) if is_open && has("Approved") => match refused(request, signer, wanted) {
            None => Step::Wait(left),
            Some(Err(why)) => Step::Fail(why),
            Some(Ok(())) => Step::Sign(life(request)),
        },
        Some(wanted) if is_open && signer == KUBELET_CLIENT => {
            match refused(request, signer, wanted) {
                Some(Ok(())) => Step::Approve(subresource(request, wanted)),
                _ => Step::Wait(left),
            }
        }
        _ => Step::Wait(left),
    }
}

fn conditions(request: &Request) -> impl Iterator<Item = &str> {
    let status = request.status.iter();
    let conditions = status.flat_map(|status| status.conditions.iter().flatten());
    conditions.map(|condition| condition.type_.as_str())
}

fn is_issued(request: &Request) -> bool {
    let status = request.status.as_ref();
    status.is_some_and(|status| status.certificate.is_some())
}

/// Who asks for his own next certificate, or for the first one of a node.
fn subresource(request: &Request, wanted: &WantedCertificate) -> &'static str {
    let is_self = request.spec.username.as_deref() == Some(&wanted.common_name);
    if is_self {
        "selfnodeclient"
    } else {
        "nodeclient"
    }
}

/// Why the signer does not sign that; `None` if the signer is none of ours.
fn refused(
    request: &Request,
    signer: &str,
    wanted: &WantedCertificate,
) -> Option<Result<(), String>> {
    let usages = request.spec.usages.as_deref().unwrap_or_default();
    let only = |allowed: &[&str]| usages.iter().all(|usage| allowed.contains(&usage.as_str()));
    let has = |usage: &str| usages.iter().any(|known| known == usage);
    let is_named = !wanted.names.is_empty() || !wanted.addresses.is_empty();
    let is_node = wanted.common_name.starts_with(NODE) && wanted.organizations == [NODES];
    let common = ["digital signature", "key encipherment"];
    let checks: Vec<(bool, &str)> = match signer {
        CLIENT => vec![
            (has("client auth"), "usages must include client auth"),
            (
                only(&[common[0], common[1], "client auth"]),
                "usages are not those of a client",
            ),
        ],
        KUBELET_CLIENT => vec![
            (is_node, "subject is not that of a node"),
            (
                !is_named,
                "DNS, IP address, email address and URI subjectAltNames are not allowed",
            ),
            (has("client auth"), "usages must include client auth"),
            (
                only(&[common[0], common[1], "client auth"]),
                "usages are not those of a kubelet's client",
            ),
        ],
        KUBELET_SERVING => vec![
            (is_node, "subject is not that of a node"),
            (
                request.spec.username.as_deref() == Some(&wanted.common_name),
                "the requester must be the node",
            ),
            (
                is_named,
                "at least one DNS or IP address subjectAltName is required",
            ),
            (has("server auth"), "usages must include server auth"),
            (
                only(&[common[0], common[1], "server auth"]),
                "usages are not those of a kubelet's server",
            ),
        ],
        _ => return None,
    };
    let failed = checks.iter().find(|(holds, _)| !holds);
    Some(failed.map_or(Ok(()), |(_, why)| Err((*why).to_owned())))
}

fn life(request: &Request) -> Duration {
    let asked = request.spec.expiration_seconds.unwrap_or(i32::MAX);
    Duration::from_secs(u64::try_from(asked).unwrap_or(0)).clamp(MIN_LIFE, MAX_LIFE)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const CREATED: &str = "2026-01-01T00:00:00Z";

    fn request(signer: &str, usage: &str, conditions: &[&str]) -> Request {
        let conditions: Vec<Value> = conditions
            .iter()
            .map(|kind| json!({"type": kind, "status": "True"}))
            .collect();
        serde_json::from_value(json!({
            "metadata": {"name": "r", "creationTimestamp": CREATED},
            "spec": {
                "request": "", "signerName": signer, "usages": ["digital signature", usage],
                "username": "system:node:n1", "expirationSeconds": 3600,
            },
            "status": {"conditions": conditions},
        }))
        .unwrap()
    }

    fn wanted(name: &str, group: &str, dns: &[&str]) -> WantedCertificate {
        WantedCertificate {
            common_name: name.to_owned(),
            organizations: vec![group.to_owned()],
            names: dns.iter().map(|name| (*name).to_owned()).collect(),
            addresses: Vec::new(),
        }
    }

    #[test]
    fn what_becomes_of_a_request() {
        let hour = SignedDuration::from_hours(1);
        let sign = Step::Sign(Duration::from_secs(3600));
        let node = wanted("system:node:n1", NODES, &[]);
        let other = wanted("system:node:n2", NODES, &[]);
        let named = wanted("system:node:n1", NODES, &["n1"]);
        let jane = wanted("jane", "people", &[]);
        let fail = |why: &str| Step::Fail(why.to_owned());
        let cases = [
            (
                request(CLIENT, "client auth", &[]),
                &jane,
                Step::Wait(PENDING),
            ),
            (request(CLIENT, "client auth", &["Approved"]), &jane, sign),
            (
                request(CLIENT, "server auth", &["Approved"]),
                &jane,
                fail("usages must include client auth"),
            ),
            (
                request(CLIENT, "client auth", &["Denied"]),
                &jane,
                Step::Wait(hour),
            ),
            (
                request("example.com/own", "client auth", &["Approved"]),
                &jane,
                Step::Wait(hour),
            ),
            (
                request(KUBELET_CLIENT, "client auth", &[]),
                &node,
                Step::Approve("selfnodeclient"),
            ),
            (
                request(KUBELET_CLIENT, "client auth", &[]),
                &other,
                Step::Approve("nodeclient"),
            ),
            (
                request(KUBELET_CLIENT, "client auth", &[]),
                &jane,
                Step::Wait(PENDING),
            ),
            (
                request(KUBELET_SERVING, "server auth", &["Approved"]),
                &named,
                Step::Sign(Duration::from_secs(3600)),
            ),
            (
                request(KUBELET_SERVING, "server auth", &[]),
                &named,
                Step::Wait(PENDING),
            ),
        ];
        for (request, wanted, expected) in cases {
            let now = CREATED.parse().unwrap();
            assert_eq!(step(&request, Some(wanted), now), expected, "{request:?}");
        }
    }

    #[test]
    fn a_request_goes_when_its_time_is_over() {
        let at = |hours: i64| -> Timestamp {
            let created: Timestamp = CREATED.parse().unwrap();
            created + SignedDuration::from_hours(hours)
        };
        let denied = request(CLIENT, "client auth", &["Denied"]);
        assert_eq!(step(&denied, None, at(2)), Step::Delete);
        let pending = request(CLIENT, "client auth", &[]);
        assert_eq!(
            step(&pending, None, at(2)),
            Step::Wait(SignedDuration::from_hours(22))
        );
        assert_eq!(step(&pending, None, at(24)), Step::Delete);
    }
}
