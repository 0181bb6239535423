//! Measures a Kubernetes API server, and skiff's nodes: `make bench`, or `skiff-bench --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    match skiff_e2e::bench::main() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("skiff-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}
