//! ConversionReview of apiextensions.k8s.io: the question, and what an answer must be.

use serde::Deserialize;
use serde_json::{Value, json};

const GROUP: &str = "apiextensions.k8s.io";
const KIND: &str = "ConversionReview";

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Review {
    api_version: String,
    kind: String,
    response: Option<Response>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Response {
    uid: String,
    converted_objects: Option<Vec<Value>>,
    result: Outcome,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Outcome {
    status: String,
    message: String,
}

/// The question in JSON, about objects that are JSON already.
pub(super) fn request(
    review_version: &str,
    uid: &str,
    desired: &str,
    objects: &[String],
) -> String {
    let head = json!({"kind": KIND, "apiVersion": format!("{GROUP}/{review_version}")}).to_string();
    let asked = json!({"uid": uid, "desiredAPIVersion": desired}).to_string();
    format!(
        r#"{},"request":{},"objects":[{}]}}}}"#,
        head.trim_end_matches('}'),
        asked.trim_end_matches('}'),
        objects.join(","),
    )
}

/// The objects in an answer; or what is wrong with it, or what the webhook itself says is.
pub(super) fn read(bytes: &[u8], review_version: &str, uid: &str) -> Result<Vec<Value>, String> {
    let review: Review = serde_json::from_slice(bytes)
        .map_err(|error| format!("couldn't get version/kind; json parse error: {error}"))?;
    let expected = format!("{GROUP}/{review_version}");
    let is_v1 = review_version == "v1";
    if is_v1 && (review.api_version != expected || review.kind != KIND) {
        let (version, kind) = (review.api_version, review.kind);
        return Err(format!(
            "expected webhook response of {expected}, Kind={KIND}, got {version}, Kind={kind}"
        ));
    }
    let response = review.response.ok_or("no response provided")?;
    if is_v1 && response.uid != uid {
        let got = response.uid;
        return Err(format!("expected response.uid={uid:?}, got {got:?}"));
    }
    let Outcome { status, message } = response.result;
    if status == "Success" {
        Ok(response.converted_objects.unwrap_or_default())
    } else if message.is_empty() {
        Err(format!(
            "response.result.status was '{status}', not 'Success'"
        ))
    } else {
        Err(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_one_json_text() {
        let objects = [r#"{"a":{}}"#.to_owned(), "{}".to_owned()];
        let text = request("v1", "u", "example.com/v1", &objects);
        let review: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            review,
            json!({
                "apiVersion": "apiextensions.k8s.io/v1",
                "kind": "ConversionReview",
                "request": {"uid": "u", "desiredAPIVersion": "example.com/v1", "objects": [{"a": {}}, {}]},
            })
        );
    }

    #[test]
    fn an_answer_is_sound_or_says_why_not() {
        let whole = |response: Value| json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": KIND, "response": response});
        let cases = [
            (
                whole(
                    json!({"uid": "u", "result": {"status": "Success"}, "convertedObjects": [{"a": 1}]}),
                ),
                Ok(vec![json!({"a": 1})]),
            ),
            (
                whole(
                    json!({"uid": "u", "result": {"status": "Failed", "message": "no such host"}}),
                ),
                Err("no such host"),
            ),
            (
                whole(json!({"uid": "u", "result": {"status": "Failed"}})),
                Err("response.result.status was 'Failed', not 'Success'"),
            ),
            (
                whole(json!({"uid": "x", "result": {"status": "Success"}})),
                Err("expected response.uid=\"u\", got \"x\""),
            ),
            (whole(Value::Null), Err("no response provided")),
            (
                json!({"apiVersion": "v1", "kind": "Status"}),
                Err(
                    "expected webhook response of apiextensions.k8s.io/v1, Kind=ConversionReview, got v1, Kind=Status",
                ),
            ),
        ];
        for (answer, expected) in cases {
            let read = read(answer.to_string().as_bytes(), "v1", "u");
            assert_eq!(read, expected.map_err(str::to_owned), "{answer}");
        }
        // v1beta1 never looked at kind and uid.
        let old = json!({"response": {"result": {"status": "Success"}, "convertedObjects": []}});
        assert_eq!(
            read(old.to_string().as_bytes(), "v1beta1", "u"),
            Ok(Vec::new())
        );
    }
}
