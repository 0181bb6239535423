//! The question to a webhook and its answer (admission.k8s.io/v1 AdmissionReview): pure.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;
use serde_json::{Value, json};
use skiff_api::{Reason, Status, StatusDetails};

use crate::matching::Attributes;

/// A question.
pub(super) struct Question<'a> {
    pub(super) uid: String,
    pub(super) version: &'a str,
    pub(super) attributes: &'a Attributes<'a>,
    pub(super) object: &'a Value,
    pub(super) old: Option<&'a Value>,
}

impl Question<'_> {
    /// As it is sent.
    pub(super) fn to_json(&self) -> Value {
        let mut asked = self.attributes.to_json();
        asked["uid"] = self.uid.as_str().into();
        asked["object"] = self.object.clone();
        asked["oldObject"] = json!(self.old);
        json!({
            "kind": "AdmissionReview",
            "apiVersion": format!("admission.k8s.io/{}", self.version),
            "request": asked,
        })
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Review {
    kind: String,
    api_version: String,
    response: Option<Response>,
}

/// What a webhook said.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Response {
    uid: String,
    allowed: bool,
    status: Option<Refusal>,
    patch: Option<String>,
    patch_type: Option<String>,
    warnings: Option<Vec<String>>,
}

/// As much of a meta/v1 Status as a refusal says.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Refusal {
    code: Option<i64>,
    reason: Option<String>,
    message: Option<String>,
    details: Option<StatusDetails>,
}

/// An answer that fits its question.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) verdict: Verdict,
    pub(super) warnings: Vec<String>,
}

#[derive(Debug)]
pub(super) enum Verdict {
    /// The object may be stored, after a JSON patch if there is one.
    Allowed(Option<Value>),
    Refused(Refusal),
}

/// Reads an answer; or says what is wrong with it.
pub(super) fn read(
    bytes: &[u8],
    question: &Question<'_>,
    mutating: bool,
) -> Result<Answer, String> {
    let review: Review = serde_json::from_slice(bytes).map_err(|error| {
        format!("failed to call webhook: couldn't get version/kind; json parse error: {error}")
    })?;
    let invalid = |why: String| format!("received invalid webhook response: {why}");
    let response = review.response;
    let response = response.ok_or_else(|| invalid("webhook response was absent".to_owned()))?;
    if question.version == "v1" {
        let kind = (review.api_version.as_str(), review.kind.as_str());
        check(&response, kind, &question.uid, mutating).map_err(invalid)?;
    }
    let patch = patch(response.patch.as_deref()).map_err(invalid)?;
    Ok(Answer {
        verdict: match response.allowed {
            true => Verdict::Allowed(patch),
            false => Verdict::Refused(response.status.unwrap_or_default()),
        },
        warnings: response.warnings.unwrap_or_default(),
    })
}

/// What v1 asks of an answer.
fn check(response: &Response, kind: (&str, &str), uid: &str, mutating: bool) -> Result<(), String> {
    const EXPECTED: &str = "admission.k8s.io/v1, Kind=AdmissionReview";
    if response.uid != uid {
        let got = &response.uid;
        return Err(format!("expected response.uid={uid:?}, got {got:?}"));
    }
    let given = format!("{}, Kind={}", kind.0, kind.1);
    if given != EXPECTED {
        return Err(format!(
            "expected webhook response of {EXPECTED}, got {given}"
        ));
    }
    let has_patch = response
        .patch
        .as_ref()
        .is_some_and(|patch| !patch.is_empty());
    match (mutating, has_patch, response.patch_type.as_deref()) {
        (_, false, None) | (true, true, Some("JSONPatch")) => Ok(()),
        (false, ..) => {
            Err("validating webhook may not return response.patch or response.patchType".to_owned())
        }
        (true, true, None) => {
            Err("webhook returned response.patch but not response.patchType".to_owned())
        }
        (true, false, Some(_)) => {
            Err("webhook returned response.patchType but not response.patch".to_owned())
        }
        (true, true, Some(other)) => Err(format!(
            "webhook returned invalid response.patchType of {other:?}"
        )),
    }
}

fn patch(encoded: Option<&str>) -> Result<Option<Value>, String> {
    let Some(encoded) = encoded.filter(|encoded| !encoded.is_empty()) else {
        return Ok(None);
    };
    let bytes = BASE64.decode(encoded).map_err(|error| error.to_string())?;
    let patch = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
    Ok(Some(patch))
}

impl Refusal {
    /// What the user is told.
    pub(super) fn to_status(&self, webhook: &str) -> Status {
        let denied = format!("admission webhook {webhook:?} denied the request");
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let message = match (given(&self.message), given(&self.reason)) {
            (Some(message), _) => format!("{denied}: {message}"),
            (None, Some(reason)) => format!("{denied}: {reason}"),
            (None, None) => format!("{denied} without explanation"),
        };
        let reason = serde_json::from_value::<Reason>(json!(self.reason));
        let mut status = Status::new(reason.unwrap_or(Reason::Unknown), message);
        let code = self.code.and_then(|code| u16::try_from(code).ok());
        status.own_code = Some(code.filter(|code| (400..600).contains(code)).unwrap_or(400));
        if let Some(details) = &self.details {
            *status.details = details.clone();
        }
        status
    }
}

#[cfg(test)]
mod tests {
    use skiff_api::UserInfo;

    use super::*;
    use crate::matching::Operation;

    fn asked(check: impl Fn(&Question<'_>)) {
        let user = UserInfo::new("jane", ["people"]);
        let attributes = Attributes {
            operation: Operation::Create,
            resource: ["", "v1", "pods"],
            subresource: "",
            kind: ["", "v1", "Pod"],
            seen_in: None,
            namespace: "default",
            name: "web",
            user: &user,
            dry_run: false,
            options: json!({"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"}),
            warnings: None,
        };
        check(&Question {
            uid: "u".to_owned(),
            version: "v1",
            attributes: &attributes,
            object: &json!({"metadata": {"name": "web"}}),
            old: None,
        });
    }

    #[test]
    fn a_question_says_all_of_a_request() {
        asked(|question| {
            let kind = json!({"group": "", "version": "v1", "kind": "Pod"});
            let resource = json!({"group": "", "version": "v1", "resource": "pods"});
            let expected = json!({
                "kind": "AdmissionReview",
                "apiVersion": "admission.k8s.io/v1",
                "request": {
                    "uid": "u",
                    "kind": kind,
                    "resource": resource,
                    "requestKind": kind,
                    "requestResource": resource,
                    "name": "web",
                    "namespace": "default",
                    "operation": "CREATE",
                    "userInfo": {"username": "jane", "groups": ["people"]},
                    "object": {"metadata": {"name": "web"}},
                    "oldObject": null,
                    "dryRun": false,
                    "options": {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"},
                },
            });
            assert_eq!(question.to_json(), expected);
        });
    }

    #[test]
    fn an_answer_must_fit_its_question() {
        let patch = BASE64.encode("[]");
        let absent = "webhook response was absent";
        let both = "validating webhook may not return response.patch or response.patchType";
        let cases = [
            (json!({}), true, absent),
            (
                json!({"response": {"uid": "x"}}),
                true,
                "expected response.uid=\"u\", got \"x\"",
            ),
            (
                json!({"apiVersion": "v1", "response": {"uid": "u"}}),
                true,
                "expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got v1, Kind=AdmissionReview",
            ),
            (
                json!({"response": {"uid": "u", "patch": patch}}),
                true,
                "webhook returned response.patch but not response.patchType",
            ),
            (
                json!({"response": {"uid": "u", "patchType": "JSONPatch"}}),
                true,
                "webhook returned response.patchType but not response.patch",
            ),
            (
                json!({"response": {"uid": "u", "patch": patch, "patchType": "Magic"}}),
                true,
                "webhook returned invalid response.patchType of \"Magic\"",
            ),
            (
                json!({"response": {"uid": "u", "patch": patch, "patchType": "JSONPatch"}}),
                false,
                both,
            ),
        ];
        for (change, mutating, words) in cases {
            let mut review =
                json!({"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1"});
            for (field, value) in change.as_object().unwrap() {
                review[field] = value.clone();
            }
            asked(|question| {
                let told = read(review.to_string().as_bytes(), question, mutating);
                let expected = format!("received invalid webhook response: {words}");
                assert_eq!(told.unwrap_err(), expected);
            });
        }
    }

    #[test]
    fn a_refusal_says_who_refuses_and_why() {
        let denied = "admission webhook \"x.example.com\" denied the request";
        for (refusal, code, reason, words) in [
            (json!({}), 400, Reason::Unknown, " without explanation"),
            (
                json!({"message": "no", "code": 403}),
                403,
                Reason::Unknown,
                ": no",
            ),
            (
                json!({"reason": "Forbidden"}),
                400,
                Reason::Forbidden,
                ": Forbidden",
            ),
            (
                json!({"message": "no", "code": 200}),
                400,
                Reason::Unknown,
                ": no",
            ),
        ] {
            let refusal: Refusal = serde_json::from_value(refusal).unwrap();
            let status = refusal.to_status("x.example.com");
            assert_eq!((status.code(), status.reason), (code, reason));
            assert_eq!(status.message, format!("{denied}{words}"));
        }
    }
}
