//! Who calls.

use std::time::Duration;

use http::{HeaderMap, header};
use k8s_openapi::api::authentication::v1 as authentication;
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec};
use kube::api::{Api, PostParams};
use skiff_api::UserInfo;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::remembered::Remembered;
use crate::server::answer::Refused;

/// The group of every caller who is known.
const AUTHENTICATED: &str = "system:authenticated";
/// How long a token counts as good after a review (`authentication.webhook.cacheTTL`).
const GOOD_FOR: Duration = Duration::from_secs(120);

/// Finds out whose token it is.
pub(super) struct Authenticator {
    reviews: Api<TokenReview>,
    users: Remembered<UserInfo>,
}

impl Authenticator {
    pub(super) fn new(client: kube::Client) -> Self {
        Self {
            reviews: Api::all(client),
            users: Remembered::new(),
        }
    }

    /// The user that the bearer token of a request stands for; 401 without one, and if it is not good.
    pub(super) async fn user_of_token(&self, headers: &HeaderMap) -> Result<UserInfo, Refused> {
        let token = bearer_token(headers).ok_or_else(Refused::unauthorized)?;
        if let Some(user) = self.users.get(token.as_bytes()) {
            return Ok(user);
        }
        let user = self.review(token).await.map_err(|error| {
            tracing::warn!(%error, "a bearer token could not be reviewed");
            Refused::unauthorized()
        })?;
        let user = user.ok_or_else(Refused::unauthorized)?;
        self.users.put(token.as_bytes(), user.clone(), GOOD_FOR);
        Ok(user)
    }

    async fn review(&self, token: &str) -> kube::Result<Option<UserInfo>> {
        let review = TokenReview {
            spec: TokenReviewSpec {
                token: token.to_owned(),
                ..TokenReviewSpec::default()
            },
            ..TokenReview::default()
        };
        let review = self.reviews.create(&PostParams::default(), &review).await?;
        let status = review.status.unwrap_or_default();
        let is_good = status.authenticated == Some(true);
        Ok(status.user.filter(|_| is_good).map(user_of_review))
    }
}

fn user_of_review(user: authentication::UserInfo) -> UserInfo {
    UserInfo {
        name: user.username.unwrap_or_default(),
        uid: user.uid.unwrap_or_default(),
        groups: user.groups.unwrap_or_default(),
        extra: user.extra.unwrap_or_default(),
    }
}

fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// The user of a verified certificate: its subject's CN is the name, each O a group. `None` without a CN.
pub(in crate::server) fn user_of_certificate(certificate: &[u8]) -> Option<UserInfo> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let subject = certificate.subject();
    let name = subject.iter_common_name().next()?.as_str().ok()?;
    let groups = subject
        .iter_organization()
        .filter_map(|group| group.as_str().ok())
        .chain([AUTHENTICATED]);
    (!name.is_empty()).then(|| UserInfo::new(name, groups))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn a_token_is_what_follows_bearer() {
        for (value, expected) in [
            ("Bearer abc", Some("abc")),
            ("bearer  abc ", Some("abc")),
            ("Bearer ", None),
            ("Basic abc", None),
            ("abc", None),
        ] {
            let value = HeaderValue::from_static(value);
            let headers = [(header::AUTHORIZATION, value)].into_iter().collect();
            assert_eq!(bearer_token(&headers), expected);
        }
        assert_eq!(bearer_token(&HeaderMap::new()), None);
    }
}
