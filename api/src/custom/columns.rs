//! The columns that a CustomResourceDefinition gives its resources (`additionalPrinterColumns`).

use jiff::Timestamp;
use serde_json::Value;

use super::json_path::JsonPath;
use crate::{Column, age, metadata};

/// The columns of a version, after `Name`.
pub(super) struct Columns(Vec<(Column, JsonPath)>);

impl Columns {
    /// Those of a version of a definition; `Age` if it has none.
    pub(super) fn of(version: &Value) -> Self {
        let given = version["additionalPrinterColumns"].as_array();
        let Some(given) = given.filter(|given| !given.is_empty()) else {
            return Self::age();
        };
        let column = |given: &Value| {
            let text = |name: &str| given[name].as_str().unwrap_or_default().to_owned();
            let path = JsonPath::parse(&text("jsonPath")).ok()?;
            let column = Column {
                name: text("name").into(),
                cell_type: text("type").into(),
                format: text("format").into(),
                description: text("description").into(),
                priority: given["priority"].as_i64().unwrap_or_default() as i32,
            };
            Some((column, path))
        };
        Self(given.iter().filter_map(column).collect())
    }

    fn age() -> Self {
        let column = Column::new("Age", "date");
        let path = JsonPath::parse(".metadata.creationTimestamp");
        Self(
            path.into_iter()
                .map(|path| (column.clone(), path))
                .collect(),
        )
    }

    /// The headings, the first of them `Name`.
    pub(super) fn headings(&self) -> Vec<Column> {
        let mut name = Column::new("Name", "string");
        name.format = "name".into();
        let others = self.0.iter().map(|(column, _)| column.clone());
        std::iter::once(name).chain(others).collect()
    }

    /// The row of an object.
    pub(super) fn cells(&self, object: &Value, now: Timestamp) -> Vec<Value> {
        let others = self.0.iter().map(|(column, path)| {
            let found = path.find(object);
            cell(&column.cell_type, &found, now)
        });
        std::iter::once(metadata::name(object).into())
            .chain(others)
            .collect()
    }
}

/// A cell of a type; null, which kubectl shows as nothing, if the value is missing or of another type.
fn cell(cell_type: &str, found: &[&Value], now: Timestamp) -> Value {
    let Some(first) = found.first() else {
        return Value::Null;
    };
    match cell_type {
        "integer" => match (first.as_i64(), first.as_f64()) {
            (Some(whole), _) => whole.into(),
            (None, Some(number)) => (number as i64).into(),
            (None, None) => Value::Null,
        },
        "number" => first.as_f64().map_or(Value::Null, |_| (*first).clone()),
        "boolean" => first.as_bool().into(),
        "date" => date(first, now),
        _ => texts(found).into(),
    }
}

fn date(value: &Value, now: Timestamp) -> Value {
    match value.as_str() {
        Some(text) if text.parse::<Timestamp>().is_ok() => age(value, now).into(),
        Some(_) => "<invalid>".into(),
        None => Value::Null,
    }
}

/// All values as text, with spaces between them.
fn texts(found: &[&Value]) -> String {
    let text = |value: &&Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    found.iter().map(text).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn cells_follow_their_paths() {
        let columns = Columns::of(&json!({"additionalPrinterColumns": [
            {"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
            {"name": "Ready", "type": "string", "jsonPath": ".status.conditions[?(@.type==\"Ready\")].status"},
            {"name": "On", "type": "boolean", "jsonPath": ".spec.on", "priority": 1},
            {"name": "Hosts", "type": "string", "jsonPath": ".spec.hosts[*]"},
            {"name": "Map", "type": "string", "jsonPath": ".spec.map"},
            {"name": "Since", "type": "date", "jsonPath": ".status.since"},
            {"name": "None", "type": "string", "jsonPath": ".spec.none"},
        ]}));
        let names: Vec<_> = columns
            .headings()
            .into_iter()
            .map(|column| column.name)
            .collect();
        assert_eq!(
            names,
            [
                "Name", "Size", "Ready", "On", "Hosts", "Map", "Since", "None"
            ]
        );
        let object = json!({
            "metadata": {"name": "a"},
            "spec": {"size": 3, "on": true, "hosts": ["x", "y"], "map": {"k": 1}},
            "status": {"conditions": [{"type": "Ready", "status": "True"}], "since": "2026-01-01T00:00:00Z"},
        });
        let now = "2026-01-01T00:05:00Z".parse().unwrap();
        assert_eq!(
            json!(columns.cells(&object, now)),
            json!(["a", 3, "True", true, "x y", "{\"k\":1}", "5m", null])
        );
    }

    #[test]
    fn without_columns_there_is_the_age() {
        let columns = Columns::of(&json!({}));
        let object =
            json!({"metadata": {"name": "a", "creationTimestamp": "2026-01-01T00:00:00Z"}});
        let now = "2026-01-01T00:05:00Z".parse().unwrap();
        assert_eq!(json!(columns.cells(&object, now)), json!(["a", "5m"]));
    }
}
