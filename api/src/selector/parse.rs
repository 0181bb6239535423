//! The text form of label selectors: `a=b,c!=d,e in (f,g),!h,i`.

use std::fmt;

use super::SelectorError;
use super::requirement::{Operator, Requirement, joined};
use crate::field::{Errors, Path};
use crate::names;

/// The requirements of a text, in its order.
pub(super) fn parse(text: &str) -> Result<Vec<Requirement>, SelectorError> {
    let mut parser = Parser {
        tokens: tokens(text),
        next: 0,
    };
    parser.requirements().map_err(SelectorError)
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Identifier(String),
    Symbol(&'static str),
    End,
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Token::Identifier(text) => f.write_str(text),
            Token::Symbol(text) => f.write_str(text),
            Token::End => Ok(()),
        }
    }
}

/// Longer ones first: the longest match wins.
const SYMBOLS: [&str; 9] = ["==", "!=", "=", "!", ">", "<", "(", ")", ","];

fn tokens(text: &str) -> Vec<Token> {
    const BLANKS: [char; 4] = [' ', '\t', '\r', '\n'];
    let is_symbol = |letter: char| "=!()<>,".contains(letter);
    let mut tokens = Vec::new();
    let mut rest = text.trim_start_matches(BLANKS);
    while !rest.is_empty() {
        if let Some(symbol) = SYMBOLS.into_iter().find(|symbol| rest.starts_with(symbol)) {
            tokens.push(Token::Symbol(symbol));
            rest = &rest[symbol.len()..];
        } else {
            let end = rest.find(|letter| is_symbol(letter) || BLANKS.contains(&letter));
            let (identifier, after) = rest.split_at(end.unwrap_or(rest.len()));
            tokens.push(Token::Identifier(identifier.to_owned()));
            rest = after;
        }
        rest = rest.trim_start_matches(BLANKS);
    }
    tokens
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
}

impl Parser {
    fn look(&self) -> Token {
        self.tokens.get(self.next).cloned().unwrap_or(Token::End)
    }

    fn take(&mut self) -> Token {
        let token = self.look();
        self.next += 1;
        token
    }

    fn requirements(&mut self) -> Result<Vec<Requirement>, String> {
        let mut requirements = Vec::new();
        loop {
            match self.look() {
                Token::Identifier(_) | Token::Symbol("!") => {
                    let requirement = self.requirement();
                    requirements.push(
                        requirement
                            .map_err(|wrong| format!("unable to parse requirement: {wrong}"))?,
                    );
                }
                Token::End => return Ok(requirements),
                other => {
                    return Err(format!(
                        "found '{other}', expected: !, identifier, or 'end of string'"
                    ));
                }
            }
            match self.take() {
                Token::End => return Ok(requirements),
                Token::Symbol(",") => match self.look() {
                    Token::Identifier(_) | Token::Symbol("!") => {}
                    other => {
                        return Err(format!("found '{other}', expected: identifier after ','"));
                    }
                },
                other => return Err(format!("found '{other}', expected: ',' or 'end of string'")),
            }
        }
    }

    fn requirement(&mut self) -> Result<Requirement, String> {
        let denied = self.look() == Token::Symbol("!");
        if denied {
            self.take();
        }
        let key = match self.take() {
            Token::Identifier(key) => key,
            other => return Err(format!("found '{other}', expected: identifier")),
        };
        if let Some(wrong) = joined(&Path::root(""), &key, names::qualified_name(&key)) {
            return Err(wrong.to_string());
        }
        let (operator, values) = match self.look() {
            _ if denied => (Operator::DoesNotExist, Vec::new()),
            Token::End | Token::Symbol(",") => (Operator::Exists, Vec::new()),
            _ => self.comparison()?,
        };
        Requirement::new(&key, operator, values).map_err(in_words)
    }

    fn comparison(&mut self) -> Result<(Operator, Vec<String>), String> {
        let operator = match self.take() {
            Token::Symbol("=" | "==") => Operator::Equals,
            Token::Symbol("!=") => Operator::NotEquals,
            Token::Symbol(">") => Operator::GreaterThan,
            Token::Symbol("<") => Operator::LessThan,
            Token::Identifier(word) if word == "in" => Operator::In,
            Token::Identifier(word) if word == "notin" => Operator::NotIn,
            other => {
                return Err(format!(
                    "found '{other}', expected: in, notin, =, ==, !=, gt, lt"
                ));
            }
        };
        let values = match operator {
            Operator::In | Operator::NotIn => self.values()?,
            _ => vec![self.value()?],
        };
        Ok((operator, values))
    }

    fn value(&mut self) -> Result<String, String> {
        match self.look() {
            Token::End | Token::Symbol(",") => Ok(String::new()),
            Token::Identifier(value) => {
                self.take();
                Ok(value)
            }
            other => Err(format!("found '{other}', expected: identifier")),
        }
    }

    /// `(a,b)`; nothing before, after or between commas is the empty value, `()` is no value.
    fn values(&mut self) -> Result<Vec<String>, String> {
        match self.take() {
            Token::Symbol("(") => {}
            other => return Err(format!("found '{other}', expected: '('")),
        }
        if self.look() == Token::Symbol(")") {
            self.take();
            return Ok(Vec::new());
        }
        let mut values = Vec::new();
        loop {
            if let Token::Identifier(value) = self.look() {
                self.take();
                values.push(value);
            } else {
                values.push(String::new());
            }
            match self.take() {
                Token::Symbol(",") => {}
                Token::Symbol(")") => return Ok(values),
                other => return Err(format!("found '{other}', expected: ',' or ')'")),
            }
        }
    }
}

fn in_words(errors: Errors) -> String {
    let words: Vec<String> = errors.iter().map(ToString::to_string).collect();
    match &words[..] {
        [one] => one.clone(),
        _ => format!("[{}]", words.join(", ")),
    }
}
