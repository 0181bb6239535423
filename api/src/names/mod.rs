//! Rules for names, labels and the like, worded as Kubernetes words them
//! (k8s.io/apimachinery/pkg/util/validation).
//!
//! Each rule answers with all that is wrong, in words; nothing when the text is sound.

#[cfg(test)]
mod tests;

use rand::Rng;

const LABEL_MAX: usize = 63;
const SUBDOMAIN_MAX: usize = 253;

/// The letters of generated names: no vowels (no words by chance) and no look-alikes
/// (k8s.io/apimachinery/pkg/util/rand).
pub(crate) const SAFE_ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

const GENERATED_SUFFIX: usize = 5;

/// An RFC 1123 label: the name of a namespace, a container, a volume.
pub fn dns_label(text: &str) -> Vec<String> {
    let mut wrong = at_most(text, LABEL_MAX);
    if !is_dns_label(text) {
        wrong.push(regex_error(
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', \
             and must start and end with an alphanumeric character",
            "[a-z0-9]([-a-z0-9]*[a-z0-9])?",
            &["my-name", "123-abc"],
        ));
    }
    wrong
}

/// An RFC 1123 subdomain: the name of most objects.
pub fn dns_subdomain(text: &str) -> Vec<String> {
    let mut wrong = at_most(text, SUBDOMAIN_MAX);
    if !text.split('.').all(is_dns_label) {
        wrong.push(regex_error(
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', \
             and must start and end with an alphanumeric character",
            r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*",
            &["example.com"],
        ));
    }
    wrong
}

/// An RFC 1123 subdomain below `*.`: a host that stands for many.
pub fn wildcard_dns_subdomain(text: &str) -> Vec<String> {
    let mut wrong = at_most(text, SUBDOMAIN_MAX);
    let below = text.strip_prefix("*.");
    if !below.is_some_and(|below| below.split('.').all(is_dns_label)) {
        wrong.push(regex_error(
            "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of \
             lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character",
            r"\*\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*",
            &["*.example.com"],
        ));
    }
    wrong
}

/// An RFC 1035 label, which starts with a letter: the name of a Service.
pub fn dns1035_label(text: &str) -> Vec<String> {
    let mut wrong = at_most(text, LABEL_MAX);
    if !is_dns_label(text) || !text.starts_with(|first: char| first.is_ascii_lowercase()) {
        wrong.push(regex_error(
            "a DNS-1035 label must consist of lower case alphanumeric characters or '-', \
             start with an alphabetic character, and end with an alphanumeric character",
            "[a-z]([-a-z0-9]*[a-z0-9])?",
            &["my-name", "abc-123"],
        ));
    }
    wrong
}

/// The key of a label or annotation, a finalizer, a resource: `name` or `example.com/name`.
pub fn qualified_name(text: &str) -> Vec<String> {
    let rule = || {
        regex_error(
            "must consist of alphanumeric characters, '-', '_' or '.', \
             and must start and end with an alphanumeric character",
            "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]",
            &["MyName", "my.name", "123-abc"],
        )
    };
    let mut wrong = Vec::new();
    let name = match text.split_once('/') {
        None => text,
        Some((prefix, name)) if !name.contains('/') => {
            if prefix.is_empty() {
                wrong.push("prefix part must be non-empty".to_owned());
            } else {
                wrong.extend(
                    dns_subdomain(prefix)
                        .iter()
                        .map(|words| format!("prefix part {words}")),
                );
            }
            name
        }
        Some(_) => {
            return vec![format!(
                "a qualified name {} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')",
                rule()
            )];
        }
    };
    if name.is_empty() {
        wrong.push("name part must be non-empty".to_owned());
    } else {
        wrong.extend(
            at_most(name, LABEL_MAX)
                .iter()
                .map(|words| format!("name part {words}")),
        );
    }
    if !is_label_text(name) {
        wrong.push(format!("name part {}", rule()));
    }
    wrong
}

/// The value of a label; may be empty.
pub fn label_value(text: &str) -> Vec<String> {
    let mut wrong = at_most(text, LABEL_MAX);
    if !text.is_empty() && !is_label_text(text) {
        wrong.push(regex_error(
            "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', \
             and must start and end with an alphanumeric character",
            "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?",
            &["MyValue", "my_value", "12345"],
        ));
    }
    wrong
}

/// The name of a port (an IANA service name).
pub fn port_name(text: &str) -> Vec<String> {
    let mut wrong = at_most(text, 15);
    if text.is_empty() || !text.bytes().all(is_lower_or_hyphen) {
        wrong.push(
            "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)".to_owned(),
        );
    }
    if !text.bytes().any(|byte| byte.is_ascii_lowercase()) {
        wrong.push("must contain at least one letter (a-z)".to_owned());
    }
    if text.contains("--") {
        wrong.push("must not contain consecutive hyphens".to_owned());
    }
    if text.starts_with('-') || text.ends_with('-') {
        wrong.push("must not begin or end with a hyphen".to_owned());
    }
    wrong
}

/// The number of a port.
pub fn port_number(port: i64) -> Vec<String> {
    in_range(port, 1, 65535)
}

/// A number within bounds, both of them allowed.
pub fn in_range(number: i64, min: i64, max: i64) -> Vec<String> {
    says((min..=max).contains(&number), || {
        format!("must be between {min} and {max}, inclusive")
    })
}

/// The name of an HTTP header.
pub fn http_header(text: &str) -> Vec<String> {
    let sound = !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    says(sound, || {
        regex_error(
            "a valid HTTP header must consist of alphanumeric characters or '-'",
            "[-A-Za-z0-9]+",
            &["X-Header-Name"],
        )
    })
}

/// The name of an environment variable: printable ASCII without `=` (KEP-4369).
pub fn env_var_name(text: &str) -> Vec<String> {
    if text.is_empty() {
        return vec!["environment variable name must be non-empty".to_owned()];
    }
    says(
        text.bytes()
            .all(|byte| (b' '..=b'~').contains(&byte) && byte != b'='),
        || "a valid environment variable name must consist only of printable ASCII characters other than '='",
    )
}

/// A key of a ConfigMap or Secret, which becomes a file name.
pub fn config_map_key(text: &str) -> Vec<String> {
    let mut wrong = at_most(text, SUBDOMAIN_MAX);
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if text.is_empty() || !text.bytes().all(sound) {
        wrong.push(regex_error(
            "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
            "[-._a-zA-Z0-9]+",
            &["key.name", "KEY_NAME", "key-name"],
        ));
    }
    match text {
        "." => wrong.push("must not be '.'".to_owned()),
        ".." => wrong.push("must not be '..'".to_owned()),
        _ if text.starts_with("..") => wrong.push("must not start with '..'".to_owned()),
        _ => {}
    }
    wrong
}

/// A name that can stand in a URL's path (RBAC names).
pub fn path_segment(text: &str) -> Vec<String> {
    if text == "." || text == ".." {
        return vec![format!("may not be '{text}'")];
    }
    ["/", "%"]
        .into_iter()
        .filter(|illegal| text.contains(illegal))
        .map(|illegal| format!("may not contain '{illegal}'"))
        .collect()
}

/// The path of a URL, as it stands behind a domain in the name of a controller.
pub fn http_path(text: &str) -> Vec<String> {
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~%!$&'()*+,;=:".contains(&byte);
    says(
        !text.is_empty() && text.bytes().all(sound),
        || r"Invalid path (regex used for validation is '[A-Za-z0-9/\-._~%!$&'()*+,;=:]+')",
    )
}

/// An IP address, v4 or v6.
pub fn ip(text: &str) -> Vec<String> {
    says(
        text.parse::<std::net::IpAddr>().is_ok(),
        || "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
    )
}

/// A block of addresses.
pub fn cidr(text: &str) -> Vec<String> {
    says(
        text.parse::<ipnet::IpNet>().is_ok(),
        || "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)",
    )
}

/// A prefix of names, such as `generateName`, as the name it could become: its last hyphen and what is before it
/// stand for a letter, so that `web-` is judged like `wea`.
pub fn mask_trailing_dash(prefix: &str) -> String {
    match prefix.strip_suffix('-') {
        Some(rest) if !rest.is_empty() => {
            let mut masked: String = rest.to_owned();
            masked.pop();
            masked.push('a');
            masked
        }
        _ => prefix.to_owned(),
    }
}

/// `base` and five random letters, together at most 63 long (`metadata.generateName`). Not proven to be free.
pub fn generate_name(base: &str) -> String {
    let mut end = base.len().min(LABEL_MAX - GENERATED_SUFFIX);
    while !base.is_char_boundary(end) {
        end -= 1;
    }
    let mut name = base[..end].to_owned();
    name.push_str(&random_suffix(GENERATED_SUFFIX));
    name
}

/// That many random letters of the alphabet of generated names.
pub fn random_suffix(length: usize) -> String {
    let mut random = rand::rng();
    (0..length)
        .map(|_| char::from(SAFE_ALPHABET[random.random_range(0..SAFE_ALPHABET.len())]))
        .collect()
}

/// `rule (e.g. 'a',  or 'b', regex used for validation is '…')`; the two blanks are Kubernetes' own.
fn regex_error(rule: &str, regex: &str, examples: &[&str]) -> String {
    let quoted: Vec<String> = examples
        .iter()
        .map(|example| format!("'{example}', "))
        .collect();
    format!(
        "{rule} (e.g. {}regex used for validation is '{regex}')",
        quoted.join(" or ")
    )
}

/// The words are made only if there is something to say: most names are sound.
fn says<W: Into<String>>(sound: bool, words: impl FnOnce() -> W) -> Vec<String> {
    if sound {
        Vec::new()
    } else {
        vec![words().into()]
    }
}

fn at_most(text: &str, max: usize) -> Vec<String> {
    says(text.len() <= max, || {
        format!("must be no more than {max} bytes")
    })
}

fn is_lower_or_hyphen(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'
}

fn is_dns_label(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(is_lower_or_hyphen)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// `([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]`.
fn is_label_text(text: &str) -> bool {
    let bytes = text.as_bytes();
    let ends = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    ends(bytes.first())
        && ends(bytes.last())
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
}
