//! The shape of the repository: arrows between crates, no file that nobody builds, small rooms.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// Who may import whom.
const ARROWS: &[(&str, &[&str])] = &[
    ("skiff-api", &[]),
    ("skiff-store", &[]),
    ("skiff-client", &["skiff-api"]),
    ("skiff-apiserver", &["skiff-api", "skiff-store"]),
    ("skiff-scheduler", &["skiff-api", "skiff-client"]),
    ("skiff-controllers", &["skiff-api", "skiff-client"]),
    ("skiff-kubelet", &["skiff-api", "skiff-client"]),
    ("skiff-proxy", &["skiff-api", "skiff-client"]),
    ("skiff-dns", &["skiff-api", "skiff-client"]),
    ("skiff-ingress", &["skiff-api", "skiff-client"]),
    ("skiff-fuzz", &["skiff-api", "skiff-kubelet"]),
    // It drives the binary, and knows nothing of what is inside.
    ("skiff-e2e", &[]),
];

/// What tests in process may use beside: a whole API server, to be its client.
const IN_TESTS: &[&str] = &[
    "skiff-api",
    "skiff-client",
    "skiff-apiserver",
    "skiff-store",
];

/// The rules of Kubernetes and the store compile without these.
const NOT_IN_API: &[&str] = &["tokio", "hyper", "axum", "kube", "sled", "tonic"];
const NOT_IN_STORE: &[&str] = &["hyper", "http", "axum", "kube", "k8s-openapi", "tonic"];

const MAX_LINES: usize = 700;

#[test]
fn crates_import_only_whom_they_may() -> Result<()> {
    let mut wrong = Vec::new();
    for package in packages()? {
        let rule = ARROWS.iter().find(|(name, _)| *name == package.name);
        // The root composes them all.
        if package.name == "skiff" {
            continue;
        }
        let (_, allowed) = rule.with_context(|| format!("{} has no place", package.name))?;
        let forbidden = |name: &&String, allowed: &[&str]| {
            name.starts_with("skiff") && !allowed.contains(&name.as_str())
        };
        let imports = package.imports.iter();
        wrong.extend(
            imports
                .filter(|name| forbidden(name, allowed))
                .map(|name| (package.name.clone(), name.clone())),
        );
        let in_tests = package.imports_in_tests.iter();
        wrong.extend(
            in_tests
                .filter(|name| forbidden(name, IN_TESTS))
                .map(|name| (package.name.clone(), name.clone())),
        );
    }
    ensure!(
        wrong.is_empty(),
        "imports that the design forbids: {wrong:?}"
    );
    Ok(())
}

#[test]
fn the_rules_and_the_store_know_no_network() -> Result<()> {
    let packages = packages()?;
    for (name, forbidden) in [("skiff-api", NOT_IN_API), ("skiff-store", NOT_IN_STORE)] {
        let package = packages.iter().find(|package| package.name == name);
        let dependencies = &package.context("a crate of the workspace")?.imports;
        let found: Vec<_> = forbidden
            .iter()
            .filter(|forbidden| dependencies.contains(**forbidden))
            .collect();
        ensure!(found.is_empty(), "{name} imports {found:?}");
    }
    Ok(())
}

#[test]
fn every_source_file_is_part_of_a_crate() -> Result<()> {
    let mut dead = Vec::new();
    for file in source_files()? {
        if !is_a_root(&file) && !is_named_by_a_module(&file)? {
            dead.push(file);
        }
    }
    ensure!(dead.is_empty(), "no `mod` names these files: {dead:?}");
    Ok(())
}

#[test]
fn no_file_is_a_hall() -> Result<()> {
    let mut long = Vec::new();
    for file in source_files()? {
        let lines = fs::read_to_string(&file)?.lines().count();
        if lines > MAX_LINES {
            long.push((file, lines));
        }
    }
    ensure!(
        long.is_empty(),
        "files of more than {MAX_LINES} lines: {long:?}"
    );
    Ok(())
}

/// A package of the workspace with the names of what it imports.
struct Package {
    name: String,
    imports: BTreeSet<String>,
    imports_in_tests: BTreeSet<String>,
}

fn packages() -> Result<Vec<Package>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version=1", "--offline"])
        .current_dir(repository())
        .output()?;
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata["packages"]
        .as_array()
        .context("metadata has packages")?;
    let named = |value: &Value| value["name"].as_str().unwrap_or_default().to_owned();
    Ok(packages
        .iter()
        .map(|package| {
            let dependencies = package["dependencies"].as_array().into_iter().flatten();
            let (in_tests, always): (Vec<_>, Vec<_>) =
                dependencies.partition(|dependency| dependency["kind"] == "dev");
            Package {
                name: named(package),
                imports: always.into_iter().map(named).collect(),
                imports_in_tests: in_tests.into_iter().map(named).collect(),
            }
        })
        .collect())
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The Rust files below the packages' folders, without what cargo and the tests make.
fn source_files() -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![repository()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if path.is_dir() && name != "target" && !name.starts_with('.') {
                folders.push(path);
            } else if name.ends_with(".rs") {
                files.push(path);
            }
        }
    }
    ensure!(
        files.len() > 50,
        "only {} source files were found",
        files.len()
    );
    Ok(files)
}

/// Files that cargo finds by their place: a crate's root, and each test, example, bench and program.
fn is_a_root(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let folder = file.parent().unwrap_or(Path::new(""));
    let found_by_place = ["tests", "examples", "benches", "bin", "fuzz_targets"];
    let in_package = folder
        .parent()
        .is_some_and(|package| package.join("Cargo.toml").is_file() || package.ends_with("src"));
    ["lib.rs", "main.rs", "build.rs"].contains(&&*name)
        || (in_package && found_by_place.iter().any(|place| folder.ends_with(place)))
}

/// Whether the module above `file` says `mod name;`.
fn is_named_by_a_module(file: &Path) -> Result<bool> {
    let folder = file.parent().context("a file is in a folder")?;
    let stem = file.file_stem().unwrap_or_default();
    let (folder, module) = if stem == "mod" {
        let parent = folder.parent().context("a module is in a crate")?;
        (parent, folder.file_name().unwrap_or_default())
    } else {
        (folder, stem)
    };
    let declaration = format!("mod {};", module.to_string_lossy());
    let declares = |line: &str| {
        let line = line.trim_start();
        line == declaration
            || (line.starts_with("pub") && line.ends_with(&format!(" {declaration}")))
    };
    for above in modules_above(folder)?.iter().filter(|above| *above != file) {
        if fs::read_to_string(above)?.lines().any(declares) {
            return Ok(true);
        }
    }
    is_named_by_its_path(file)
}

/// Whether a file beside `file` says `#[path = "file.rs"]`.
fn is_named_by_its_path(file: &Path) -> Result<bool> {
    let folder = file.parent().context("a file is in a folder")?;
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let attribute = format!("#[path = \"{name}\"]");
    for beside in fs::read_dir(folder)? {
        let beside = beside?.path();
        let is_source = beside.extension().is_some_and(|end| end == "rs");
        if is_source && fs::read_to_string(&beside)?.contains(&attribute) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The files whose `mod name;` may mean a file in `folder`.
fn modules_above(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut above = vec![folder.with_extension("rs")];
    let roots = fs::read_dir(folder)?.flatten().map(|entry| entry.path());
    // Every file in tests/ and examples/ is a crate that may share a module with the others.
    above.extend(roots.filter(|path| is_a_root(path) || path.ends_with("mod.rs")));
    above.retain(|path| path.extension().is_some_and(|end| end == "rs") && path.is_file());
    Ok(above)
}
