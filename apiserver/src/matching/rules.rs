//! The rules of one who is asked: one that names a version of a resource is about requests in the others as well
//! (`matchPolicy: Equivalent`).

use std::sync::Arc;

use skiff_api::Descriptor;

use super::request::Request;
use super::rule::Rule;

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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use skiff_api::UserInfo;

    use super::*;
    use crate::matching::resource::Resource;
    use crate::matching::{Attributes, Operation};

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
