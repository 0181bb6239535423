//! Paths into objects as CustomResourceDefinitions write them: kubectl's JSONPath without braces, such as
//! `.status.conditions[?(@.type=="Ready")].status` (<https://kubernetes.io/docs/reference/kubectl/jsonpath/>).

use serde_json::Value;

/// A path that has been read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct JsonPath(Vec<Step>);

#[derive(Clone, Debug, PartialEq)]
enum Step {
    Field(String),
    /// From the end if it is negative.
    Index(i64),
    /// All items, or all values.
    All,
    /// The items that have such a field.
    Where(JsonPath, Option<(Comparison, Value)>),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl JsonPath {
    /// Reads a path; in words what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut steps = Vec::new();
        let mut rest = text.trim().trim_start_matches('$');
        while !rest.is_empty() {
            let (step, after) = step(rest)?;
            steps.extend(step);
            rest = after;
        }
        Ok(Self(steps))
    }

    /// All values that it leads to.
    pub(crate) fn find<'a>(&self, object: &'a Value) -> Vec<&'a Value> {
        let mut found = vec![object];
        for step in &self.0 {
            found = found.into_iter().flat_map(|value| step.of(value)).collect();
        }
        found
    }

    /// The one value that it leads to, if it leads anywhere.
    pub(crate) fn first<'a>(&self, object: &'a Value) -> Option<&'a Value> {
        self.find(object).into_iter().next()
    }

    /// The fields of a path that names nothing else.
    pub(crate) fn fields(&self) -> Option<Vec<&str>> {
        let mut fields = Vec::new();
        for step in &self.0 {
            let Step::Field(name) = step else { return None };
            fields.push(name.as_str());
        }
        Some(fields)
    }

    /// As a JSON pointer, if it names fields alone.
    pub(crate) fn pointer(&self) -> Option<String> {
        let fields = self.fields()?;
        let escaped = |field: &str| format!("/{}", field.replace('~', "~0").replace('/', "~1"));
        Some(fields.into_iter().map(escaped).collect())
    }
}

/// The next step and what follows it; a single dot is none.
fn step(text: &str) -> Result<(Option<Step>, &str), String> {
    if let Some(rest) = text.strip_prefix('[') {
        let end = closing(rest).ok_or_else(|| "unterminated array".to_owned())?;
        return Ok((Some(bracket(&rest[..end])?), &rest[end + 1..]));
    }
    let rest = text.strip_prefix('.').unwrap_or(text);
    if rest.starts_with('.') {
        return Err("recursive descent is not supported".to_owned());
    }
    let (name, rest) = name(rest);
    Ok(match name.as_str() {
        "" if rest.is_empty() || rest.starts_with('[') => (None, rest),
        "" => return Err(format!("unexpected {rest:?}")),
        "*" => (Some(Step::All), rest),
        _ => (Some(Step::Field(name)), rest),
    })
}

/// A field's name, in which `\.` stands for a dot.
fn name(text: &str) -> (String, &str) {
    let mut name = String::new();
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '\\' => name.extend(chars.next().map(|(_, escaped)| escaped)),
            '.' | '[' => return (name, &text[at..]),
            _ => name.push(char),
        }
    }
    (name, "")
}

/// Where the bracket that is open ends, past quotes and inner brackets.
fn closing(text: &str) -> Option<usize> {
    let (mut depth, mut quote) = (0, None);
    for (at, char) in text.char_indices() {
        match (quote, char) {
            (Some(open), _) if open == char => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(char),
            (None, '[') => depth += 1,
            (None, ']') if depth == 0 => return Some(at),
            (None, ']') => depth -= 1,
            (None, _) => {}
        }
    }
    None
}

fn bracket(inside: &str) -> Result<Step, String> {
    let inside = inside.trim();
    if inside == "*" {
        return Ok(Step::All);
    }
    if let Some(condition) = inside.strip_prefix("?(") {
        let condition = condition.strip_suffix(')').ok_or("unterminated filter")?;
        return filter(condition.trim());
    }
    if let Some(name) = quoted(inside) {
        return Ok(Step::Field(name.to_owned()));
    }
    let index = inside.parse().map(Step::Index);
    index.map_err(|_| format!("invalid array index {inside}"))
}

fn quoted(text: &str) -> Option<&str> {
    ['\'', '"'].into_iter().find_map(|quote| {
        let inner = text.strip_prefix(quote)?.strip_suffix(quote)?;
        Some(inner)
    })
}

fn filter(condition: &str) -> Result<Step, String> {
    const OPERATORS: [(&str, Comparison); 6] = [
        ("==", Comparison::Equal),
        ("!=", Comparison::NotEqual),
        ("<=", Comparison::LessOrEqual),
        (">=", Comparison::GreaterOrEqual),
        ("<", Comparison::Less),
        (">", Comparison::Greater),
    ];
    let found = OPERATORS
        .iter()
        .find_map(|(sign, comparison)| Some((condition.split_once(sign)?, *comparison)));
    let (path, right) = match found {
        Some(((left, right), comparison)) => (left, Some((comparison, literal(right.trim())?))),
        None => (condition, None),
    };
    let path = path.trim().strip_prefix('@');
    let path = path.ok_or_else(|| format!("a filter must begin with @: {condition}"))?;
    Ok(Step::Where(JsonPath::parse(path)?, right))
}

fn literal(text: &str) -> Result<Value, String> {
    match quoted(text) {
        Some(inner) => Ok(inner.into()),
        None => serde_json::from_str(text).map_err(|_| format!("unrecognized literal {text}")),
    }
}

impl Step {
    fn of<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        match self {
            Step::Field(name) => value.get(name).into_iter().collect(),
            Step::Index(index) => {
                let items = value.as_array().map_or(&[][..], Vec::as_slice);
                let at = if *index < 0 {
                    items.len() as i64 + index
                } else {
                    *index
                };
                usize::try_from(at)
                    .ok()
                    .and_then(|at| items.get(at))
                    .into_iter()
                    .collect()
            }
            Step::All => values(value),
            Step::Where(path, wanted) => {
                let fits = |item: &&Value| match (path.first(item), wanted) {
                    (None, _) => false,
                    (Some(_), None) => true,
                    (Some(found), Some((comparison, right))) => comparison.holds(found, right),
                };
                values(value).into_iter().filter(fits).collect()
            }
        }
    }
}

fn values(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        Value::Object(fields) => fields.values().collect(),
        _ => Vec::new(),
    }
}

impl Comparison {
    fn holds(self, left: &Value, right: &Value) -> bool {
        let order = match (left, right) {
            (Value::String(left), Value::String(right)) => left.partial_cmp(right),
            (left, right) => left.as_f64().partial_cmp(&right.as_f64()),
        };
        match self {
            Self::Equal => left == right,
            Self::NotEqual => left != right,
            Self::Less => order.is_some_and(std::cmp::Ordering::is_lt),
            Self::LessOrEqual => order.is_some_and(std::cmp::Ordering::is_le),
            Self::Greater => order.is_some_and(std::cmp::Ordering::is_gt),
            Self::GreaterOrEqual => order.is_some_and(std::cmp::Ordering::is_ge),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_lead_to_values() {
        let object = json!({
            "spec": {"size": 3, "ports": [{"name": "a", "port": 80}, {"name": "b", "port": 443}]},
            "metadata": {"annotations": {"example.com/team": "red"}},
            "status": {"conditions": [{"type": "Ready", "status": "True"}, {"type": "Old", "status": "False"}]},
        });
        let cases = [
            (".spec.size", json!([3])),
            ("spec.size", json!([3])),
            (".spec.color", json!([])),
            (".spec.ports[0].name", json!(["a"])),
            (".spec.ports[-1].name", json!(["b"])),
            (".spec.ports[*].port", json!([80, 443])),
            (".spec.ports[?(@.port > 80)].name", json!(["b"])),
            (".metadata.annotations.example\\.com/team", json!(["red"])),
            (".metadata.annotations['example.com/team']", json!(["red"])),
            (
                ".status.conditions[?(@.type==\"Ready\")].status",
                json!(["True"]),
            ),
            (".status.conditions[?(@.type=='Gone')].status", json!([])),
        ];
        for (text, expected) in cases {
            let path = JsonPath::parse(text).unwrap();
            assert_eq!(json!(path.find(&object)), expected, "{text}");
        }
        for text in [".spec[", ".spec..size", ".spec[x]", ".a[?(b)]"] {
            assert!(JsonPath::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn plain_paths_are_pointers() {
        let path = JsonPath::parse(".status.labels['a/b']").unwrap();
        assert_eq!(path.pointer().as_deref(), Some("/status/labels/a~1b"));
        assert_eq!(JsonPath::parse(".a[0]").unwrap().pointer(), None);
    }
}
