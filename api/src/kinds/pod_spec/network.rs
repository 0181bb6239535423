//! What a Pod is called on the network, and how it finds others.

use crate::field::Errors;
use crate::kinds::common::Field;
use crate::kinds::common::checks;
use crate::kinds::common::net;
use crate::names;

const DNS_POLICIES: &[&str] = &["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"];
const MAX_NAMESERVERS: usize = 3;
const MAX_SEARCH_PATHS: usize = 32;
const MAX_SEARCH_BYTES: usize = 2048;

/// What is wrong with names and name resolution of a Pod.
pub(super) fn validate(spec: &Field<'_>, errors: &mut Errors) {
    let policy = spec.get("dnsPolicy");
    checks::one_of(&policy, DNS_POLICIES, errors);
    dns_config(&spec.get("dnsConfig"), policy.str(), errors);
    checks::name(&spec.get("hostname"), names::dns_label, errors);
    checks::name(&spec.get("subdomain"), names::dns_label, errors);
    for alias in spec.get("hostAliases").items() {
        checks::required_name(&alias.get("ip"), names::ip, errors);
        for name in alias.get("hostnames").items() {
            checks::name(&name, names::dns_subdomain, errors);
        }
    }
}

fn dns_config(config: &Field<'_>, policy: &str, errors: &mut Errors) {
    let (servers, searches) = (config.get("nameservers"), config.get("searches"));
    if policy == "None" && servers.is_empty() {
        let words =
            format!("must provide at least one DNS nameserver when `dnsPolicy` is {policy}");
        errors.push(servers.required(&words));
    }
    if servers.len() > MAX_NAMESERVERS {
        errors.push(servers.invalid(format!(
            "must not have more than {MAX_NAMESERVERS} nameservers"
        )));
    }
    for server in servers.items() {
        net::ip(&server, errors);
    }
    if searches.len() > MAX_SEARCH_PATHS {
        errors.push(searches.invalid(format!(
            "must not have more than {MAX_SEARCH_PATHS} search paths"
        )));
    }
    let bytes: usize = searches.items().map(|search| search.str().len() + 1).sum();
    if bytes > MAX_SEARCH_BYTES + 1 {
        let words = format!(
            "must not have more than {MAX_SEARCH_BYTES} characters (including spaces) in the search list"
        );
        errors.push(searches.invalid(words));
    }
    for search in searches.items().filter(|search| search.str() != ".") {
        let name = search.str().strip_suffix('.').unwrap_or(search.str());
        let wrong = names::dns_subdomain(&name.replace('_', "-"));
        errors.extend(search.invalid_each(wrong));
    }
    for option in config.get("options").items() {
        if option.get("name").is_empty() {
            errors.push(option.required("must not be empty"));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::kinds::common::testing::words;

    #[test]
    fn what_users_get_wrong() {
        let cases: [(Value, &[&str]); 4] = [
            (
                json!({"dnsPolicy": "None", "dnsConfig": {"nameservers": ["10.0.0.1"], "searches": ["a.b."]}}),
                &[],
            ),
            (
                json!({"dnsPolicy": "Magic"}),
                &[
                    "dnsPolicy: Unsupported value: \"Magic\": supported values: \
                   \"ClusterFirstWithHostNet\", \"ClusterFirst\", \"Default\", \"None\"",
                ],
            ),
            (
                json!({"dnsPolicy": "None"}),
                &["dnsConfig.nameservers: Required value: \
                   must provide at least one DNS nameserver when `dnsPolicy` is None"],
            ),
            (
                json!({"dnsPolicy": "Default", "hostAliases": [{"ip": "host", "hostnames": ["a"]}]}),
                &["hostAliases[0].ip: Invalid value: \"host\": \
                   must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"],
            ),
        ];
        for (spec, expected) in cases {
            let mut errors = Errors::new();
            validate(&Field::root(&spec), &mut errors);
            assert_eq!(words(&errors), expected, "{spec}");
        }
    }
}
