//! Resources of several versions: a rule that names one of them is about requests in the others as well, and who is asked by
//! it sees the objects in the version that it names (`matchPolicy: Equivalent`).

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::Value;
use skiff_api::{Descriptor, Status};

use super::{Attributes, Request, Rule};
use crate::api::Api;
use crate::storage::in_version;

/// What a request is about, in all its versions.
pub(crate) struct Resource {
    /// The version that was sent; `None` if the kind has just gone.
    sent: Option<Arc<Descriptor>>,
    others: Vec<Arc<Descriptor>>,
}

impl Resource {
    /// That of a request.
    pub(crate) fn of(api: &Api, attributes: &Attributes<'_>) -> Self {
        let served = api.kinds.current();
        let [group, version, plural] = attributes.resource;
        let sent = served.registry.get(group, version, plural).cloned();
        let others = sent.as_deref();
        let others = others.map(|sent| served.registry.other_versions(sent));
        Self {
            others: others.unwrap_or_default(),
            sent,
        }
    }
}

/// The version in which a rule is about a request.
#[derive(Clone)]
pub(crate) enum Seen {
    AsSent,
    In(Arc<Descriptor>),
}

impl Seen {
    /// Such as `apps/v1`; empty for the version that was sent.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::AsSent => String::new(),
            Self::In(version) => version.api_version(),
        }
    }
}

/// The rules of a webhook, a policy or a binding.
#[derive(Debug)]
pub(crate) struct Rules {
    rules: Vec<Rule>,
    /// Whether they are about the versions that they name alone (`matchPolicy: Exact`).
    exact: bool,
}

impl Rules {
    pub(crate) fn new(rules: Vec<Rule>, match_policy: &str) -> Self {
        Self {
            rules,
            exact: match_policy == "Exact",
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// In which version they are about a request, if they are: that which was sent goes first, then the first rule.
    pub(crate) fn match_request(&self, request: &Request<'_>) -> Option<Seen> {
        let attributes = request.attributes;
        let mut rules = self.rules.iter();
        if rules.any(|rule| rule.matches(attributes, attributes.resource)) {
            return Some(Seen::AsSent);
        }
        let mut rules = self.rules.iter().filter(|_| !self.exact);
        rules.find_map(|rule| {
            let mut others = request.resource.others.iter();
            let other = others.find(|other| {
                rule.matches(attributes, [&other.group, &other.version, &other.plural])
            });
            other.cloned().map(Seen::In)
        })
    }
}

/// A request as who is asked sees it.
pub(crate) struct View<'a> {
    attributes: Cow<'a, Attributes<'a>>,
    object: Cow<'a, Value>,
    old: Option<Cow<'a, Value>>,
    resource: &'a Resource,
    /// From the version that is seen to the one that was sent, if they differ.
    back: Option<(&'a Arc<Descriptor>, &'a Arc<Descriptor>)>,
}

impl<'a> View<'a> {
    /// A request in a version.
    ///
    /// # Errors
    /// 500 if its objects cannot be converted.
    pub(crate) async fn of(
        api: &Api,
        request: &Request<'a>,
        seen: &'a Seen,
    ) -> Result<Self, Status> {
        let mut view = Self {
            attributes: Cow::Borrowed(request.attributes),
            object: Cow::Borrowed(request.object),
            old: request.old.map(Cow::Borrowed),
            resource: request.resource,
            back: None,
        };
        let (Seen::In(version), Some(sent)) = (seen, &request.resource.sent) else {
            return Ok(view);
        };
        view.attributes = Cow::Owned(Attributes {
            seen_in: Some(version),
            ..request.attributes.clone()
        });
        if request.attributes.kind[2] == sent.kind {
            view.object =
                Cow::Owned(in_version(&api.definitions, request.object, sent, version).await?);
            if let Some(old) = request.old {
                view.old = Some(Cow::Owned(
                    in_version(&api.definitions, old, sent, version).await?,
                ));
            }
            view.back = Some((version, sent));
        }
        Ok(view)
    }

    /// What is seen.
    pub(crate) fn request(&self) -> Request<'_> {
        Request::new(
            &self.attributes,
            &self.object,
            self.old.as_deref(),
            self.resource,
        )
    }

    /// The object as who saw it wants it, in the version that was sent; `None` if he wants it as it is.
    ///
    /// # Errors
    /// 500 if it cannot be converted.
    pub(crate) async fn wanted(&self, api: &Api, object: Value) -> Result<Option<Value>, Status> {
        if object == *self.object {
            return Ok(None);
        }
        Ok(Some(match self.back {
            Some((seen, sent)) => in_version(&api.definitions, &object, seen, sent).await?,
            None => object,
        }))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use skiff_api::UserInfo;

    use super::*;
    use crate::webhooks::Operation;

    #[test]
    fn rules_are_about_equal_versions_unless_they_are_exact() {
        let registry = skiff_api::builtin();
        let of = |group, version, plural| registry.get(group, version, plural).unwrap();
        let scaler = "horizontalpodautoscalers";
        let v1 = "autoscaling/v1";
        let events = of("", "v1", "events");
        let cases = [
            (of("autoscaling", "v1", scaler), scaler, "", Some("")),
            (of("autoscaling", "v2", scaler), scaler, "", Some(v1)),
            (of("autoscaling", "v2", scaler), scaler, "status", None),
            (of("autoscaling", "v2", scaler), "events", "", None),
            (events, "events", "", Some("events.k8s.io/v1")),
        ];
        for (sent, plural, subresource, expected) in cases {
            let rule: Rule = serde_json::from_value(json!({
                "operations": ["CREATE"], "apiVersions": ["v1"],
                "apiGroups": ["autoscaling", "events.k8s.io"], "resources": [plural],
            }))
            .unwrap();
            let user = UserInfo::default();
            let place = ("default", "a");
            let attributes =
                Attributes::new(Operation::Create, sent, subresource, place, &user, false);
            let resource = Resource {
                sent: Some(Arc::clone(sent)),
                others: registry.other_versions(sent),
            };
            let request = Request::new(&attributes, &Value::Null, None, &resource);
            let seen = |policy| {
                let rules = Rules::new(vec![rule.clone()], policy);
                rules.match_request(&request).map(|seen| seen.name())
            };
            assert_eq!(seen("Equivalent").as_deref(), expected);
            let exact = expected.filter(|version| version.is_empty());
            assert_eq!(seen("Exact").as_deref(), exact);
        }
    }
}
