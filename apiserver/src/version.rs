//! Which Kubernetes this is.

use serde_json::{Value, json};

const MAJOR: &str = "1";
const MINOR: &str = "36";
const PATCH: &str = "0";

/// Such as `v1.36.0+skiff0.1.0`.
pub(crate) fn git_version() -> String {
    format!(
        "v{MAJOR}.{MINOR}.{PATCH}+skiff{}",
        env!("CARGO_PKG_VERSION")
    )
}

/// The version (apimachinery's version.Info).
pub(crate) fn info() -> Value {
    let arch = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    json!({
        "major": MAJOR,
        "minor": MINOR,
        "emulationMajor": MAJOR,
        "emulationMinor": MINOR,
        "gitVersion": git_version(),
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "none",
        "compiler": "rustc",
        "platform": format!("{}/{arch}", std::env::consts::OS),
    })
}
