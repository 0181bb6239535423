//! Whether a caller may do what it asks for.

use std::time::Duration;

use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec,
};
use kube::api::{Api, PostParams};
use skiff_api::UserInfo;

use super::remembered::Remembered;
use crate::server::answer::Refused;

/// The API server has decided before it calls, and logs and streams shall not cost a second question.
const API_SERVER: &str = "kube-apiserver-kubelet-client";
/// May do everything everywhere.
const ADMINISTRATORS: &str = "system:masters";
/// How long a permission holds (`authorization.webhook.cacheAuthorizedTTL`).
const ALLOWED_FOR: Duration = Duration::from_secs(300);
/// How long a refusal holds (`authorization.webhook.cacheUnauthorizedTTL`).
const DENIED_FOR: Duration = Duration::from_secs(30);

/// Finds out what callers may do with this node.
pub(super) struct Authorizer {
    reviews: Api<SubjectAccessReview>,
    node: String,
    decisions: Remembered<bool>,
}

impl Authorizer {
    pub(super) fn new(client: kube::Client, node: &str) -> Self {
        Self {
            reviews: Api::all(client),
            node: node.to_owned(),
            decisions: Remembered::new(),
        }
    }

    /// 403 unless the user has the right to one of the Node's subresources; 500 if that cannot be known.
    pub(super) async fn check(
        &self,
        user: &UserInfo,
        verb: &str,
        subresources: &[&str],
    ) -> Result<(), Refused> {
        if user.name == API_SERVER || user.groups.iter().any(|group| group == ADMINISTRATORS) {
            return Ok(());
        }
        for subresource in subresources {
            let allowed = self.allows(user, verb, subresource).await;
            if allowed.map_err(|error| failed(user, verb, subresource, &error))? {
                return Ok(());
            }
        }
        let words = format!(
            "Forbidden (user={}, verb={verb}, resource=nodes, subresource(s)=[{}])\n",
            user.name,
            subresources.join(" ")
        );
        Err(Refused::forbidden(words))
    }

    async fn allows(&self, user: &UserInfo, verb: &str, subresource: &str) -> kube::Result<bool> {
        let spec = self.question(user, verb, subresource);
        let question = serde_json::to_vec(&spec).map_err(kube::Error::SerdeError)?;
        if let Some(allowed) = self.decisions.get(&question) {
            return Ok(allowed);
        }
        let review = SubjectAccessReview {
            spec,
            ..SubjectAccessReview::default()
        };
        let review = self.reviews.create(&PostParams::default(), &review).await?;
        let allowed = review.status.is_some_and(|status| status.allowed);
        let lasting = if allowed { ALLOWED_FOR } else { DENIED_FOR };
        self.decisions.put(&question, allowed, lasting);
        Ok(allowed)
    }

    fn question(&self, user: &UserInfo, verb: &str, subresource: &str) -> SubjectAccessReviewSpec {
        SubjectAccessReviewSpec {
            user: Some(user.name.clone()),
            uid: Some(user.uid.clone()).filter(|uid| !uid.is_empty()),
            groups: Some(user.groups.clone()),
            extra: Some(user.extra.clone()).filter(|extra| !extra.is_empty()),
            resource_attributes: Some(ResourceAttributes {
                verb: Some(verb.to_owned()),
                version: Some("v1".to_owned()),
                resource: Some("nodes".to_owned()),
                subresource: Some(subresource.to_owned()),
                name: Some(self.node.clone()),
                ..ResourceAttributes::default()
            }),
            ..SubjectAccessReviewSpec::default()
        }
    }
}

fn failed(user: &UserInfo, verb: &str, subresource: &str, error: &kube::Error) -> Refused {
    let words = format!(
        "Authorization error (user={}, verb={verb}, resource=nodes, subresource={subresource})",
        user.name
    );
    tracing::warn!(%error, "{words}");
    Refused::internal(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;
    use std::sync::Arc;

    use http::{Request, Response};
    use http_body_util::{BodyExt, Full};
    use kube::client::Body;
    use parking_lot::Mutex;
    use serde_json::{Value, json};
    use tokio::time::advance;
    use tower::service_fn;

    /// What was asked: verb, subresource and name.
    type Asked = Arc<Mutex<Vec<String>>>;

    /// An authorizer whose API server grants `nodes/pods` and `nodes/metrics` alone.
    fn authorizer() -> (Authorizer, Asked) {
        let asked = Asked::default();
        let noted = asked.clone();
        let server = service_fn(move |request: Request<Body>| {
            let noted = noted.clone();
            async move {
                let body = request.into_body().collect().await.expect("a body");
                let mut review: Value = serde_json::from_slice(&body.to_bytes()).expect("a review");
                let wanted = &review["spec"]["resourceAttributes"];
                let part = |name: &str| wanted[name].as_str().unwrap_or_default().to_owned();
                let subresource = part("subresource");
                let question = [part("verb"), subresource.clone(), part("name")];
                noted.lock().push(question.join(" "));
                let allowed = ["pods", "metrics"].contains(&subresource.as_str());
                review["status"] = json!({"allowed": allowed});
                Ok::<_, Infallible>(Response::new(Full::from(review.to_string())))
            }
        });
        let client = kube::Client::new(server, "default");
        (Authorizer::new(client, "n1"), asked)
    }

    fn words(refused: Result<(), Refused>) -> String {
        format!("{:?}", refused.expect_err("a refusal"))
    }

    #[tokio::test(start_paused = true)]
    async fn the_api_server_decides_and_its_answer_holds() {
        let (authorizer, asked) = authorizer();
        let user = UserInfo::new("someone", ["system:authenticated"]);
        let check = async |subresources: &[&str]| {
            let answer = authorizer.check(&user, "get", subresources).await;
            (answer, std::mem::take(&mut *asked.lock()))
        };
        let (answer, asked) = check(&["pods", "proxy"]).await;
        answer.expect("the narrower right is enough");
        assert_eq!(asked, ["get pods n1"]);

        let (answer, asked) = check(&["healthz", "proxy"]).await;
        let expected =
            "Forbidden (user=someone, verb=get, resource=nodes, subresource(s)=[healthz proxy])";
        assert!(words(answer).contains(expected));
        assert_eq!(asked, ["get healthz n1", "get proxy n1"]);

        for (passed, expected) in [
            (29, [false, false]),
            (1, [false, true]),
            (270, [true, true]),
        ] {
            advance(Duration::from_secs(passed)).await;
            let again = [
                !check(&["pods"]).await.1.is_empty(),
                !check(&["proxy"]).await.1.is_empty(),
            ];
            assert_eq!(again, expected, "{passed} s later");
        }
    }

    #[tokio::test]
    async fn the_api_server_and_administrators_need_no_question() {
        let (authorizer, asked) = authorizer();
        for user in [
            UserInfo::new("kube-apiserver-kubelet-client", ["system:authenticated"]),
            UserInfo::new("kubernetes-admin", ["system:masters"]),
        ] {
            let answer = authorizer.check(&user, "create", &["proxy"]).await;
            answer.expect("allowed");
        }
        assert!(asked.lock().is_empty());
    }
}
