//! What each rule takes and refuses, in words.

use super::*;

type Rule = fn(&str) -> Vec<String>;

const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', \
    and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', \
    and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', \
    regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const LABEL_1035: &str = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', \
    start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', \
    regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
const QUALIFIED: &str = "must consist of alphanumeric characters, '-', '_' or '.', \
    and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', \
    regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

#[test]
fn sound_texts_pass() {
    let cases: [(Rule, &[&str]); 9] = [
        (dns_label, &["a", "0", "a-b", "123-abc"]),
        (dns_subdomain, &["a", "a.b", "a-b.c0", "0.0"]),
        (dns1035_label, &["a", "a-0", "abc-123"]),
        (qualified_name, &["a", "A_b.c-D", "example.com/a", "0"]),
        (label_value, &["", "a", "A_b.c-D"]),
        (port_name, &["http", "a", "80a", "a-b"]),
        (http_header, &["Host", "X-Header-Name", "-"]),
        (env_var_name, &["PATH", "a b", "1", "a.b-c"]),
        (config_map_key, &["a", ".a", "a..b", "_"]),
    ];
    for (rule, texts) in cases {
        for text in texts {
            assert_eq!(rule(text), Vec::<String>::new(), "{text}");
        }
    }
}

#[test]
fn bad_texts_are_refused_in_kubernetes_words() {
    let long = "a".repeat(64);
    let prefixed = |part: &str, rule: &str| format!("{part} part {rule}");
    let cases: [(Rule, &str, Vec<String>); 16] = [
        (dns_label, "", vec![LABEL.into()]),
        (dns_label, "a.b", vec![LABEL.into()]),
        (dns_label, &long, vec!["must be no more than 63 bytes".into()]),
        (dns_subdomain, "a..b", vec![SUBDOMAIN.into()]),
        (dns_subdomain, "A", vec![SUBDOMAIN.into()]),
        (dns1035_label, "0a", vec![LABEL_1035.into()]),
        (qualified_name, "", vec!["name part must be non-empty".into(), prefixed("name", QUALIFIED)]),
        (qualified_name, "/a", vec!["prefix part must be non-empty".into()]),
        (qualified_name, "A/a", vec![prefixed("prefix", SUBDOMAIN)]),
        (
            qualified_name,
            "a/b/c",
            vec![format!(
                "a qualified name {QUALIFIED} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
            )],
        ),
        (label_value, &long, vec!["must be no more than 63 bytes".into()]),
        (
            port_name,
            "80--",
            vec![
                "must contain at least one letter (a-z)".into(),
                "must not contain consecutive hyphens".into(),
                "must not begin or end with a hyphen".into(),
            ],
        ),
        (
            http_header,
            "a b",
            vec![
                "a valid HTTP header must consist of alphanumeric characters or '-' \
                 (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')"
                    .into(),
            ],
        ),
        (
            env_var_name,
            "a=b",
            vec![
                "a valid environment variable name must consist only of printable ASCII characters other than '='"
                    .into(),
            ],
        ),
        (config_map_key, "..", vec!["must not be '..'".into()]),
        (path_segment, "a/b%", vec!["may not contain '/'".into(), "may not contain '%'".into()]),
    ];
    for (rule, text, words) in cases {
        assert_eq!(rule(text), words, "{text}");
    }
}

#[test]
fn prefixes_are_judged_as_the_names_they_become() {
    for (prefix, masked) in [
        ("web-", "wea"),
        ("a-", "a"),
        ("-", "-"),
        ("web", "web"),
        ("é-", "a"),
    ] {
        assert_eq!(mask_trailing_dash(prefix), masked);
    }
}

#[test]
fn generated_names_are_safe_and_short() {
    let name = generate_name("web-");
    assert!(name.starts_with("web-") && name.len() == 9, "{name}");
    assert!(
        name.bytes()
            .skip(4)
            .all(|byte| SAFE_ALPHABET.contains(&byte)),
        "{name}"
    );
    assert_ne!(generate_name("web-"), generate_name("web-"));
    assert_eq!(generate_name(&"a".repeat(100)).len(), 63);
    assert!(generate_name(&"é".repeat(50)).len() <= 63);
}
