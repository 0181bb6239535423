//! The report for programs.

use serde_json::{Map, Value, json};

use super::Report;
use super::figure::Target;
use super::row::Row;
use crate::bench::options::Bench;

impl Report {
    pub(super) fn to_json(&self) -> Value {
        let circumstances: Map<String, Value> = self
            .circumstances
            .iter()
            .map(|(what, how)| ((*what).to_owned(), json!(how)))
            .collect();
        let figures: Vec<Value> = self
            .rows
            .iter()
            .map(|(bench, row)| figure(*bench, row))
            .collect();
        let failures: Vec<Value> = self
            .failures
            .iter()
            .map(|(bench, error)| json!({ "bench": bench.name(), "error": format!("{error:#}") }))
            .collect();
        json!({ "circumstances": circumstances, "figures": figures, "failures": failures })
    }
}

fn figure(bench: Bench, row: &Row) -> Value {
    let target = row.target.map(|target| match target {
        Target::AtMost(most) => json!({ "atMost": most }),
        Target::AtLeast(least) => json!({ "atLeast": least }),
    });
    let reference = row
        .reference
        .map(|(what, value)| json!({ "what": what, "value": value }));
    json!({
        "bench": bench.name(),
        "what": row.what,
        "unit": row.unit.name(),
        "value": row.figure(),
        "rounds": row.rounds,
        "target": target,
        "met": row.is_met(),
        "reference": reference,
    })
}
