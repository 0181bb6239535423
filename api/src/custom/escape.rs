//! Names of fields in CEL (<https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation-rules>).

/// Words that CEL keeps for itself.
const RESERVED: [&str; 21] = [
    "true",
    "false",
    "null",
    "in",
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
];
const PARTS: [(&str, &str); 4] = [
    ("__", "__underscores__"),
    (".", "__dot__"),
    ("-", "__dash__"),
    ("/", "__slash__"),
];

/// The name of a field as expressions write it.
pub(crate) fn escape(name: &str) -> String {
    if RESERVED.contains(&name) {
        return format!("__{name}__");
    }
    let mut escaped = name.to_owned();
    for (from, to) in PARTS {
        if escaped.contains(from) {
            escaped = escaped.replace(from, to);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_cel_cannot_write_are_escaped() {
        for (name, written) in [
            ("replicas", "replicas"),
            ("snake_case", "snake_case"),
            ("two__lines", "two__underscores__lines"),
            ("x-y.z/a", "x__dash__y__dot__z__slash__a"),
            ("namespace", "__namespace__"),
        ] {
            assert_eq!(escape(name), written);
        }
    }
}
