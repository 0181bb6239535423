//! MutatingWebhookConfigurations and ValidatingWebhookConfigurations.

use std::collections::HashSet;

use jiff::Timestamp;
use serde_json::Value;

use super::{
    FAILURE_POLICIES, REINVOCATION_POLICIES, check_matching, client_config, conditions,
    default_matching, rules,
};
use crate::field::{Error, Errors};
use crate::kinds::common::checks::{self, Seen};
use crate::kinds::common::defaults::{default_nonzero, default_to, each, existing};
use crate::kinds::common::{Field, cells, describe};
use crate::policies::Names;
use crate::{Column, Descriptor, Strategy, names};

/// What a webhook may do beside its answer; the API has given up the other two classes.
const SIDE_EFFECTS: [&str; 2] = ["None", "NoneOnDryRun"];
const REVIEW_VERSIONS: [&str; 2] = ["v1", "v1beta1"];

pub(in crate::kinds) fn mutating() -> Descriptor {
    describe::cluster(
        describe::ADMISSION,
        "MutatingWebhookConfiguration",
        "mutatingwebhookconfigurations",
        WebhookConfiguration { mutating: true },
    )
}

pub(in crate::kinds) fn validating() -> Descriptor {
    describe::cluster(
        describe::ADMISSION,
        "ValidatingWebhookConfiguration",
        "validatingwebhookconfigurations",
        WebhookConfiguration { mutating: false },
    )
}

struct WebhookConfiguration {
    mutating: bool,
}

impl Strategy for WebhookConfiguration {
    fn default(&self, configuration: &mut Value) {
        for webhook in each(configuration, "webhooks") {
            default_to(webhook, "failurePolicy", "Fail");
            default_matching(webhook);
            default_nonzero(webhook, "timeoutSeconds", 10);
            rules::default(webhook, "rules");
            if let Some(config) = existing(webhook, "clientConfig") {
                client_config::default(config);
            }
            if self.mutating {
                default_to(webhook, "reinvocationPolicy", "Never");
            }
        }
    }

    fn prepare_create(&self, configuration: &mut Value) {
        if let Some(metadata) = existing(configuration, "metadata") {
            metadata["generation"] = 1.into();
        }
    }

    fn validate(&self, configuration: &Value) -> Errors {
        let mut errors = Errors::new();
        let mut seen = Seen::new();
        for webhook in Field::root(configuration).get("webhooks").items() {
            self.check(&webhook, &mut errors);
            check_review_versions(&webhook.get("admissionReviewVersions"), &mut errors);
            let name = webhook.get("name");
            if !name.is_empty() {
                seen.add(name.str(), &name, &mut errors);
            }
        }
        errors
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            cells::name_column(),
            Column::new("Webhooks", "integer"),
            cells::age_column(),
        ]
    }

    fn cells(&self, configuration: &Value, now: Timestamp) -> Vec<Value> {
        vec![
            cells::name(configuration),
            cells::items(configuration, "/webhooks").len().into(),
            cells::age(configuration, now),
        ]
    }
}

impl WebhookConfiguration {
    fn check(&self, webhook: &Field<'_>, errors: &mut Errors) {
        check_name(&webhook.get("name"), errors);
        for rule in webhook.get("rules").items() {
            rules::check(&rule, errors);
        }
        checks::one_of_if_set(&webhook.get("failurePolicy"), &FAILURE_POLICIES, errors);
        check_matching(webhook, errors);
        let effects = webhook.get("sideEffects");
        if effects.is_empty() {
            errors.push(
                effects.required(&format!("must specify one of {}", SIDE_EFFECTS.join(", "))),
            );
        }
        checks::one_of_if_set(&effects, &SIDE_EFFECTS, errors);
        let timeout = webhook.get("timeoutSeconds");
        if timeout
            .int()
            .is_some_and(|seconds| !(1..=30).contains(&seconds))
        {
            errors.push(timeout.invalid("the timeout value must be between 1 and 30 seconds"));
        }
        if self.mutating {
            let policy = webhook.get("reinvocationPolicy");
            checks::one_of_if_set(&policy, &REINVOCATION_POLICIES, errors);
        }
        client_config::check(&webhook.get("clientConfig"), errors);
        conditions::check(&webhook.get("matchConditions"), Names::default(), errors);
    }
}

/// A name of at least three segments, by which a refusal names its webhook.
fn check_name(name: &Field<'_>, errors: &mut Errors) {
    checks::required(name, errors);
    if name.is_empty() {
        return;
    }
    let wrong = names::dns_subdomain(name.str());
    if !wrong.is_empty() {
        errors.push(name.invalid(wrong.join(",")));
    } else if name.str().split('.').count() < 3 {
        let words = "should be a domain with at least three segments separated by dots";
        errors.push(name.invalid(words));
    }
}

fn check_review_versions(versions: &Field<'_>, errors: &mut Errors) {
    let known = REVIEW_VERSIONS.join(", ");
    if versions.is_empty() {
        errors.push(versions.required(&format!("must specify one of {known}")));
        return;
    }
    let mut seen = HashSet::new();
    for version in versions.items() {
        if seen.insert(version.str()) {
            errors.extend(version.invalid_each(names::dns1035_label(version.str())));
        } else {
            errors.push(version.invalid("duplicate version"));
        }
    }
    if !REVIEW_VERSIONS.iter().any(|known| seen.contains(known)) {
        let words = format!("must include at least one of {known}");
        errors.push(Error::invalid(
            versions.path(),
            versions.value().clone(),
            words,
        ));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::common::testing::{assert_row, create_errors, created};

    const MUTATING: WebhookConfiguration = WebhookConfiguration { mutating: true };
    const VALIDATING: WebhookConfiguration = WebhookConfiguration { mutating: false };

    fn configuration() -> Value {
        json!({
            "metadata": {"name": "policy", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "webhooks": [{
                "name": "pods.example.com",
                "clientConfig": {"service": {"name": "hook", "namespace": "default"}},
                "rules": [{"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}],
                "sideEffects": "None",
                "admissionReviewVersions": ["v1"],
            }],
        })
    }

    #[test]
    fn what_is_left_out_has_its_defaults() {
        let made = created(&MUTATING, &configuration());
        let webhook = &made["webhooks"][0];
        for (field, expected) in [
            ("failurePolicy", json!("Fail")),
            ("matchPolicy", json!("Equivalent")),
            ("namespaceSelector", json!({})),
            ("objectSelector", json!({})),
            ("timeoutSeconds", json!(10)),
            ("reinvocationPolicy", json!("Never")),
        ] {
            assert_eq!(webhook[field], expected, "{field}");
        }
        assert_eq!(webhook["rules"][0]["scope"], "*");
        assert_eq!(webhook["clientConfig"]["service"]["port"], 443);
        assert_eq!(made["metadata"]["generation"], 1);
        assert!(
            created(&VALIDATING, &configuration())["webhooks"][0]["reinvocationPolicy"].is_null()
        );
        assert_eq!(create_errors(&MUTATING, &configuration()), [""; 0]);
    }

    #[test]
    fn a_configuration_in_the_list() {
        let row = [
            ("Name", json!("policy")),
            ("Webhooks", json!(1)),
            ("Age", json!("5m")),
        ];
        assert_row(&VALIDATING, &configuration(), &row);
    }

    #[test]
    fn single_fields() {
        let cases = [
            ("name", json!(""), "name: Required value"),
            (
                "name",
                json!("short.name"),
                "name: Invalid value: \"short.name\": should be a domain with at least three segments separated by dots",
            ),
            (
                "failurePolicy",
                json!("Maybe"),
                "failurePolicy: Unsupported value: \"Maybe\": supported values: \"Fail\", \"Ignore\"",
            ),
            (
                "matchPolicy",
                json!("Like"),
                "matchPolicy: Unsupported value: \"Like\": supported values: \"Equivalent\", \"Exact\"",
            ),
            (
                "sideEffects",
                json!(null),
                "sideEffects: Required value: must specify one of None, NoneOnDryRun",
            ),
            (
                "sideEffects",
                json!("Some"),
                "sideEffects: Unsupported value: \"Some\": supported values: \"None\", \"NoneOnDryRun\"",
            ),
            (
                "timeoutSeconds",
                json!(31),
                "timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 seconds",
            ),
            (
                "reinvocationPolicy",
                json!("Always"),
                "reinvocationPolicy: Unsupported value: \"Always\": supported values: \"IfNeeded\", \"Never\"",
            ),
            (
                "admissionReviewVersions",
                json!([]),
                "admissionReviewVersions: Required value: must specify one of v1, v1beta1",
            ),
            (
                "admissionReviewVersions",
                json!(["v9"]),
                "admissionReviewVersions: Invalid value: [\"v9\"]: must include at least one of v1, v1beta1",
            ),
        ];
        for (field, value, words) in cases {
            let mut unsound = configuration();
            unsound["webhooks"][0][field] = value;
            assert_eq!(
                create_errors(&MUTATING, &unsound),
                [format!("webhooks[0].{words}")]
            );
        }
    }

    #[test]
    fn names_are_unique() {
        let mut twice = configuration();
        let webhook = twice["webhooks"][0].clone();
        twice["webhooks"] = json!([webhook, webhook]);
        assert_eq!(
            create_errors(&VALIDATING, &twice),
            ["webhooks[1].name: Duplicate value: \"pods.example.com\""]
        );
    }
}
