//! Measures a Kubernetes API server, and skiff's nodes: `make bench`, or `skiff-bench --help`.

fn main() -> anyhow::Result<()> {
    skiff_e2e::bench::main()
}
