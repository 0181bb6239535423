//! Field selectors (k8s.io/apimachinery/pkg/fields).

use std::fmt;

use super::SelectorError;

/// One requirement on one field.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FieldRequirement {
    /// The field, such as `spec.nodeName`.
    pub field: String,
    /// Whether the field must have the value, or must not.
    pub equals: bool,
    /// The value.
    pub value: String,
}

/// Requirements on fields that must all be fulfilled; without any it matches everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSelector {
    requirements: Vec<FieldRequirement>,
}

impl FieldSelector {
    /// Reads `spec.nodeName=n1,status.phase!=Running`; a value may have `\,`, `\=` and `\\`.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        let mut terms: Vec<&str> = split_terms(text);
        terms.retain(|term| !term.is_empty());
        terms.sort_unstable();
        let requirements: Result<_, _> = terms
            .into_iter()
            .map(|term| requirement(text, term))
            .collect();
        requirements.map(|requirements| Self { requirements })
    }

    /// The requirements, sorted.
    pub fn requirements(&self) -> &[FieldRequirement] {
        &self.requirements
    }

    /// Whether it matches everything.
    pub fn is_everything(&self) -> bool {
        self.requirements.is_empty()
    }

    /// Whether an object whose fields `value_of` tells fulfils all requirements; a field it has not counts as empty.
    pub fn matches(&self, value_of: impl Fn(&str) -> Option<String>) -> bool {
        self.requirements.iter().all(|requirement| {
            let value = value_of(&requirement.field).unwrap_or_default();
            (value == requirement.value) == requirement.equals
        })
    }
}

impl fmt::Display for FieldSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, requirement) in self.requirements.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            let operator = if requirement.equals { "=" } else { "!=" };
            write!(
                f,
                "{comma}{}{operator}{}",
                requirement.field,
                escape(&requirement.value)
            )?;
        }
        Ok(())
    }
}

/// Splits at commas that have no backslash before them.
fn split_terms(text: &str) -> Vec<&str> {
    let (mut terms, mut start, mut escaped) = (Vec::new(), 0, false);
    for (index, letter) in text.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            ',' => {
                terms.push(&text[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    terms.push(&text[start..]);
    terms
}

fn requirement(selector: &str, term: &str) -> Result<FieldRequirement, SelectorError> {
    const OPERATORS: [(&str, bool); 3] = [("!=", false), ("==", true), ("=", true)];
    let found = term.char_indices().find_map(|(index, _)| {
        let (operator, equals) = OPERATORS
            .into_iter()
            .find(|(operator, _)| term[index..].starts_with(operator))?;
        Some((&term[..index], equals, &term[index + operator.len()..]))
    });
    let Some((field, equals, value)) = found else {
        let words = format!("invalid selector: '{selector}'; can't understand '{term}'");
        return Err(SelectorError(words));
    };
    Ok(FieldRequirement {
        field: field.to_owned(),
        equals,
        value: unescape(value)?,
    })
}

fn escape(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for letter in value.chars() {
        if matches!(letter, '\\' | ',' | '=') {
            escaped.push('\\');
        }
        escaped.push(letter);
    }
    escaped
}

fn unescape(value: &str) -> Result<String, SelectorError> {
    let mut plain = String::with_capacity(value.len());
    let mut letters = value.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some(escaped @ ('\\' | ',' | '=')) => plain.push(escaped),
                other => {
                    let sequence: String = ['\\'].into_iter().chain(other).collect();
                    let words =
                        format!("invalid field selector: invalid escape sequence: {sequence}");
                    return Err(SelectorError(words));
                }
            },
            ',' | '=' => {
                let words =
                    format!("invalid field selector: unescaped character in value: {letter}");
                return Err(SelectorError(words));
            }
            _ => plain.push(letter),
        }
    }
    Ok(plain)
}
