//! One request: reads the cache, plans, applies.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec,
};
use k8s_openapi::api::certificates::v1::{
    CertificateSigningRequest as Request, CertificateSigningRequestCondition as Condition,
    CertificateSigningRequestSpec as Spec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::Api;
use kube::api::{DeleteParams, PostParams};
use skiff_client::{Informer, Next, ObjectKey};

use super::plan::{Step, step};
use crate::context::Context;
use crate::writes::is_gone;

const GROUP: &str = "certificates.k8s.io";

pub(super) struct Reconciler {
    pub(super) context: Context,
    pub(super) requests: Informer<Request>,
}

impl Reconciler {
    pub(super) async fn reconcile(&self, key: ObjectKey) -> anyhow::Result<Next> {
        let Some(request) = self.requests.get(&key) else {
            return Ok(Next::Done);
        };
        let Some(signer) = &self.context.config.signer else {
            return Ok(Next::Done);
        };
        let pem = String::from_utf8_lossy(&request.spec.request.0);
        let wanted = signer.read(&pem);
        let now = Timestamp::now();
        let (part, condition, certificate) = match step(&request, wanted.as_ref(), now) {
            Step::Wait(left) => return Ok(Next::After(left.unsigned_abs())),
            Step::Delete => return self.delete(&key).await,
            Step::Approve(subresource) if self.may(&request.spec, subresource).await? => {
                let why = "Auto approving kubelet client certificate after SubjectAccessReview.";
                let approved = condition("Approved", "AutoApproved", why);
                ("approval", Some(approved), None)
            }
            Step::Approve(_) => return Ok(Next::Done),
            Step::Fail(why) => {
                let failed = condition("Failed", "SignerValidationFailure", &why);
                ("status", Some(failed), None)
            }
            Step::Sign(life) => match signer.sign(&pem, &request.spec.signer_name, life) {
                Ok(signed) => ("status", None, Some(ByteString(signed.into_bytes()))),
                Err(error) => {
                    let failed = condition("Failed", "SignerFailure", &format!("{error:#}"));
                    ("status", Some(failed), None)
                }
            },
        };
        let mut written = (*request).clone();
        let status = written.status.get_or_insert_default();
        status.conditions.get_or_insert_default().extend(condition);
        status.certificate = certificate;
        self.write(&key, part, &written).await
    }

    async fn write(&self, key: &ObjectKey, part: &str, request: &Request) -> anyhow::Result<Next> {
        let written = self
            .api()
            .replace_subresource(part, &key.name, &PostParams::default(), request)
            .await;
        match written {
            Ok(written) => self.context.caught_up(&self.requests, &written).await,
            Err(error) if is_gone(&error) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(Next::After(Duration::ZERO))
    }

    async fn delete(&self, key: &ObjectKey) -> anyhow::Result<Next> {
        match self.api().delete(&key.name, &DeleteParams::default()).await {
            Err(error) if !is_gone(&error) => Err(error.into()),
            _ => Ok(Next::Done),
        }
    }

    /// Whether who wrote the request needs nobody's consent.
    async fn may(&self, spec: &Spec, subresource: &str) -> anyhow::Result<bool> {
        let review = SubjectAccessReview {
            spec: SubjectAccessReviewSpec {
                user: spec.username.clone(),
                uid: spec.uid.clone(),
                groups: spec.groups.clone(),
                extra: spec.extra.clone(),
                resource_attributes: Some(ResourceAttributes {
                    group: Some(GROUP.to_owned()),
                    resource: Some("certificatesigningrequests".to_owned()),
                    subresource: Some(subresource.to_owned()),
                    verb: Some("create".to_owned()),
                    version: Some("*".to_owned()),
                    ..ResourceAttributes::default()
                }),
                ..SubjectAccessReviewSpec::default()
            },
            ..SubjectAccessReview::default()
        };
        let reviews: Api<SubjectAccessReview> = Api::all(self.context.client.clone());
        let answer = reviews.create(&PostParams::default(), &review).await?;
        Ok(answer.status.is_some_and(|status| status.allowed))
    }

    fn api(&self) -> Api<Request> {
        Api::all(self.context.client.clone())
    }
}

fn condition(kind: &str, reason: &str, message: &str) -> Condition {
    let now = Some(Time(Timestamp::now()));
    Condition {
        type_: kind.to_owned(),
        status: "True".to_owned(),
        reason: Some(reason.to_owned()),
        message: Some(message.to_owned()),
        last_update_time: now.clone(),
        last_transition_time: now,
    }
}
