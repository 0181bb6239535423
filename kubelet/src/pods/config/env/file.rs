//! Files of variables, in what they share with shells: `NAME='value'`, a value in single quotes that may span lines
//! (<https://kubernetes.io/docs/tasks/inject-data-application/define-environment-variable-via-file/#env-file-syntax>).

/// Why a file of variables is none.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum FileError {
    #[error("invalid environment variable format at line {0}: {1}")]
    Line(usize, &'static str),
    #[error("invalid environment variable format starting at line {0}: unclosed single quote")]
    Unclosed(usize),
}

const BLANKS: [char; 2] = [' ', '\t'];

/// The value of the variable of that name; `None` if no line has it. What comes after it is not looked at.
pub(super) fn value(text: &str, key: &str) -> Result<Option<String>, FileError> {
    let mut lines = text.lines().zip(1..);
    while let Some((line, number)) = lines.next() {
        let wrong = |words| FileError::Line(number, words);
        let line = line.trim_start_matches(BLANKS);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, rest) = line.split_once('=').ok_or(wrong("missing '='"))?;
        if name.trim_end_matches(BLANKS).is_empty() {
            return Err(wrong("empty variable name"));
        }
        if name.ends_with(BLANKS) {
            return Err(wrong("whitespace before '=' is not allowed"));
        }
        let value = if rest.starts_with(BLANKS) {
            // To a shell this is a variable without a value, and a command.
            String::new()
        } else if let Some(quoted) = rest.strip_prefix('\'') {
            quote(quoted, number, &mut lines)?
        } else {
            return Err(wrong("value must be enclosed in single quotes"));
        };
        if name == key {
            return Ok(Some(value));
        }
    }
    Ok(None)
}

/// What is before the closing quote, which may be in a later line.
fn quote<'a>(
    begin: &'a str,
    first: usize,
    lines: &mut impl Iterator<Item = (&'a str, usize)>,
) -> Result<String, FileError> {
    let mut value = String::new();
    let (mut line, mut number) = (begin, first);
    loop {
        if let Some((end, rest)) = line.split_once('\'') {
            value.push_str(end);
            let rest = rest.trim_start_matches(BLANKS);
            if !rest.is_empty() && !rest.starts_with('#') {
                let words = "unexpected content after closing quote";
                return Err(FileError::Line(number, words));
            }
            return Ok(value);
        }
        value.push_str(line);
        value.push('\n');
        (line, number) = lines.next().ok_or(FileError::Unclosed(first))?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_in_single_quotes() {
        for (text, expected) in [
            ("A='1'\nB='2'\n", Some("1")),
            ("# A='0'\n\n \tA='1' # one", Some("1")),
            ("B='2'", None),
            ("A=''", Some("")),
            ("A= '1'", Some("")),
            ("A='a=$B \"#\"'", Some("a=$B \"#\"")),
            ("A='one\n\n  # two'\nB='2'", Some("one\n\n  # two")),
            ("A='1'\nnonsense", Some("1")),
        ] {
            assert_eq!(value(text, "A"), Ok(expected.map(str::to_owned)), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let line = "invalid environment variable format at line";
        for (text, expected) in [
            ("B='2'\nA", format!("{line} 2: missing '='")),
            ("='1'", format!("{line} 1: empty variable name")),
            (
                "A ='1'",
                format!("{line} 1: whitespace before '=' is not allowed"),
            ),
            (
                "A=1",
                format!("{line} 1: value must be enclosed in single quotes"),
            ),
            (
                "A=\"1\"",
                format!("{line} 1: value must be enclosed in single quotes"),
            ),
            (
                "A='1\n2'3",
                format!("{line} 2: unexpected content after closing quote"),
            ),
            (
                "A='1\n2",
                "invalid environment variable format starting at line 1: unclosed single quote"
                    .to_owned(),
            ),
        ] {
            let error = value(text, "A").expect_err(text);
            assert_eq!(error.to_string(), expected);
        }
    }
}
