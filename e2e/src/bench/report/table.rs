//! Rows as lines of text, one under the other.

use super::row::Row;

const HEAD: [&str; 6] = ["", "figure", "target", "met", "rounds", "beside"];

/// The table, each line ended.
pub(super) fn of<'a>(rows: impl Iterator<Item = &'a Row>) -> String {
    let mut lines = vec![HEAD.map(str::to_owned)];
    lines.extend(rows.map(cells));
    let widths: [usize; HEAD.len()] = std::array::from_fn(|column| {
        lines
            .iter()
            .map(|line| line[column].len())
            .max()
            .unwrap_or(0)
    });
    lines.iter().map(|line| aligned(line, &widths)).collect()
}

fn cells(row: &Row) -> [String; HEAD.len()] {
    let show = |value| row.unit.show(value);
    let met = row.is_met().map(|met| if met { "yes" } else { "no" });
    let spread = row
        .spread()
        .map(|(least, most)| format!("{} .. {}", show(least), show(most)));
    let reference = row
        .reference
        .map(|(what, value)| format!("{what} {}", show(value)));
    [
        row.what.clone(),
        show(row.figure()),
        row.target
            .map(|target| target.show(row.unit))
            .unwrap_or_default(),
        met.unwrap_or_default().to_owned(),
        spread.unwrap_or_default(),
        reference.unwrap_or_default(),
    ]
}

/// Figures stand at the right of their column, words at the left.
fn aligned(cells: &[String; HEAD.len()], widths: &[usize; HEAD.len()]) -> String {
    let mut line = String::new();
    for (column, (cell, width)) in cells.iter().zip(widths).enumerate() {
        line += &match column {
            1 | 2 => format!("{cell:>width$}  "),
            _ => format!("{cell:<width$}  "),
        };
    }
    line.trim_end().to_owned() + "\n"
}

#[cfg(test)]
mod tests {
    use super::super::{Target, Unit};
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let rows = [
            Row::of_rounds("create", Unit::PerSecond, &[9_000.0, 12_000.0, 11_000.0])
                .target(Target::AtLeast(10_000.0))
                .beside("append", 5_000.0),
            Row::of_one("memory", Unit::Mebibytes, 61.0).target(Target::AtMost(60.0)),
        ];
        let expected = [
            "          figure       target  met  rounds               beside",
            "create  11,000/s  >= 10,000/s  yes  9,000/s .. 12,000/s  append 5,000/s",
            "memory  61.0 MiB  <= 60.0 MiB  no",
            "",
        ];
        assert_eq!(of(rows.iter()), expected.join("\n"));
    }
}
