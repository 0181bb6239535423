//! The documents say what is so: `docs/scenarios.md` names every scenario's tests, `ARCHITECTURE.md` files that there are.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

/// How many scenarios each part has.
const PARTS: [(char, usize); 5] = [('A', 7), ('B', 8), ('C', 9), ('D', 3), ('E', 4)];

#[test]
fn scenarios_are_listed_with_their_tests() -> Result<()> {
    let document = fs::read_to_string(repository().join("docs/scenarios.md"))?;
    let rows: Vec<&str> = document
        .lines()
        .filter(|line| line.starts_with("| ") && line.matches(" | ").count() == 2)
        .skip(1)
        .collect();
    let ids: Vec<&str> = rows.iter().filter_map(|row| row.get(2..4)).collect();
    let expected: Vec<String> = PARTS
        .iter()
        .flat_map(|(part, count)| (1..=*count).map(move |number| format!("{part}{number}")))
        .collect();
    ensure!(ids == expected, "the rows are of {ids:?}");

    let mut listed = BTreeSet::new();
    for (id, row) in ids.iter().zip(&rows) {
        let prefix = format!("{}_", id.to_lowercase());
        for name in row.split('`').skip(1).step_by(2) {
            ensure!(name.starts_with(&prefix), "{name} stands beside {id}");
            listed.insert(name.to_owned());
        }
    }
    let tests = tests()?;
    let gone: Vec<_> = listed.difference(&tests).collect();
    ensure!(
        gone.is_empty(),
        "listed, but there are no such tests: {gone:?}"
    );
    let missing: Vec<_> = tests.difference(&listed).collect();
    ensure!(missing.is_empty(), "not listed: {missing:?}");
    Ok(())
}

#[test]
fn files_that_the_map_names_are_there() -> Result<()> {
    let map = fs::read_to_string(repository().join("ARCHITECTURE.md"))?;
    let quoted = map.split('`').skip(1).step_by(2);
    let files: Vec<_> = quoted
        .filter(|it| it.contains('/') && it.ends_with(".rs"))
        .collect();
    ensure!(files.len() > 5, "only {files:?}");
    let gone: Vec<_> = files
        .iter()
        .filter(|it| !repository().join(it).is_file())
        .collect();
    ensure!(gone.is_empty(), "named, but not there: {gone:?}");
    Ok(())
}

/// The scenarios that need a kernel of their own, or must also hold on one.
const IN_MACHINES: [&str; 11] = [
    "A6", "B6", "C1", "C2", "C4", "C6", "C7", "C9", "D3", "E3", "E4",
];

#[test]
fn scenarios_of_virtual_machines_are_listed_with_their_tests() -> Result<()> {
    let document = fs::read_to_string(repository().join("docs/scenarios.md"))?;
    let rows = document
        .lines()
        .filter(|line| line.starts_with("| ") && line.matches(" | ").count() == 1)
        .skip(1);
    let tests = functions()?;
    let mut ids = BTreeSet::new();
    for row in rows {
        let (scenarios, names) = row.split_once(" | ").unwrap_or_default();
        ids.extend(scenarios.trim_start_matches("| ").split(", "));
        let mut names = names.split('`').skip(1).step_by(2).peekable();
        ensure!(names.peek().is_some(), "no tests of {scenarios}");
        for name in names {
            ensure!(tests.contains(name), "there is no test {name}");
        }
    }
    ensure!(
        ids == BTreeSet::from(IN_MACHINES),
        "the rows are of {ids:?}"
    );
    Ok(())
}

/// The tests that are named after a scenario.
fn tests() -> Result<BTreeSet<String>> {
    let mut tests = functions()?;
    tests.retain(|name| is_of_a_scenario(name));
    Ok(tests)
}

/// The functions of the tests.
fn functions() -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for file in fs::read_dir(repository().join("e2e/tests"))? {
        let path = file?.path();
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let text = fs::read_to_string(&path)?;
        let functions = text.lines().filter_map(|line| line.strip_prefix("fn "));
        let names = functions.filter_map(|function| function.split('(').next());
        found.extend(names.map(str::to_owned));
    }
    Ok(found)
}

/// Whether a name begins like `a1_`.
fn is_of_a_scenario(name: &str) -> bool {
    let part = |letter: char| {
        PARTS
            .iter()
            .any(|(part, _)| part.to_ascii_lowercase() == letter)
    };
    let mut letters = name.chars();
    letters.next().is_some_and(part)
        && letters.next().is_some_and(|number| number.is_ascii_digit())
        && letters.next() == Some('_')
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
