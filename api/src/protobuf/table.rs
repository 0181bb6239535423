//! The fields of each type: where protobuf and JSON have them.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::special::Special;

static FIELDS: &str = include_str!("fields.tsv");

/// The apiVersion of a kind that every group has.
const ANY: &str = "*";

/// The types that bodies are made of, by their OpenAPI names.
///
#[derive(Default)]
pub(super) struct Table {
    types: HashMap<&'static str, Vec<Field>>,
    kinds: HashMap<(&'static str, &'static str), &'static str>,
}

/// One field of a type.
pub(super) struct Field {
    /// Its name in JSON; `-` if it is inlined there.
    pub(super) name: &'static str,
    /// Its number in protobuf.
    pub(super) number: u32,
    pub(super) content: Content,
}

/// What a field holds.
#[derive(Clone, Copy)]
pub(super) enum Content {
    /// One value; JSON leaves a zero out unless it is kept.
    One { kind: Kind, keeps_zero: bool },
    /// `inline T`: a message whose fields JSON has among those of the type around it.
    Inline(&'static str),
    /// `[]K`: a list.
    List(Kind),
    /// `map[string]K`: a map by text.
    Map(Kind),
}

/// The kind of a value.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    String,
    /// Base64 in JSON.
    Bytes,
    Bool,
    Int32,
    Int64,
    Double,
    /// `bool|T`: a message of a boolean and a message of a type, of which JSON has the one or the other.
    OrBool(&'static str),
    /// A message that is no object in JSON.
    Special(Special),
    /// A message of a type.
    Message(&'static str),
}

impl Table {
    /// The table; read when first asked for.
    pub(super) fn get() -> &'static Self {
        static TABLE: LazyLock<Table> = LazyLock::new(|| Table::parse(FIELDS));
        &TABLE
    }

    fn parse(text: &'static str) -> Self {
        let mut table = Self::default();
        let mut current = "";
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            if let Some(field) = line.strip_prefix('\t') {
                let fields = table.types.entry(current).or_default();
                fields.extend(Field::parse(field));
            } else {
                let (type_name, api_version) = line.split_once('\t').unwrap_or((line, ""));
                current = type_name;
                table.types.entry(current).or_default();
                if let (false, Some((_, kind))) =
                    (api_version.is_empty(), type_name.rsplit_once('.'))
                {
                    table.kinds.insert((api_version, kind), type_name);
                }
            }
        }
        table
    }

    /// The type of a kind.
    pub(super) fn type_of(&self, api_version: &str, kind: &str) -> Option<&'static str> {
        let of_version = self.kinds.get(&(api_version, kind));
        of_version.or_else(|| self.kinds.get(&(ANY, kind))).copied()
    }

    /// The fields of a type; none of one that is not in the table.
    pub(super) fn fields(&self, type_name: &str) -> &[Field] {
        self.types.get(type_name).map_or(&[], Vec::as_slice)
    }

    #[cfg(test)]
    pub(super) fn type_names(&self) -> impl Iterator<Item = &'static str> {
        self.types.keys().copied()
    }
}

impl Field {
    fn parse(line: &'static str) -> Option<Self> {
        let mut columns = line.split('\t');
        Some(Self {
            name: columns.next()?,
            number: columns.next()?.parse().ok()?,
            content: Content::parse(columns.next()?),
        })
    }
}

impl Content {
    fn parse(text: &'static str) -> Self {
        if let Some(type_name) = text.strip_prefix("inline ") {
            return Self::Inline(type_name);
        }
        if let Some(item) = text.strip_prefix("[]") {
            return Self::List(Kind::parse(item));
        }
        if let Some(value) = text.strip_prefix("map[string]") {
            return Self::Map(Kind::parse(value));
        }
        let starred = text.strip_prefix('*');
        let kind = Kind::parse(starred.unwrap_or(text));
        Self::One {
            kind,
            keeps_zero: starred.is_some() || matches!(kind, Kind::Special(_)),
        }
    }
}

impl Kind {
    fn parse(word: &'static str) -> Self {
        match word {
            "string" => Self::String,
            "bytes" => Self::Bytes,
            "bool" => Self::Bool,
            "int32" => Self::Int32,
            "int64" => Self::Int64,
            "double" => Self::Double,
            _ => match word.strip_prefix("bool|") {
                Some(type_name) => Self::OrBool(type_name),
                None => Special::parse(word).map_or(Self::Message(word), Self::Special),
            },
        }
    }
}
