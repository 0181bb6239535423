//! Where the log goes: to stderr, warnings only unless asked for more.

use tracing_subscriber::EnvFilter;

/// Starts logging; `SKIFF_LOG` takes a filter such as `info,skiff_kubelet=debug`.
pub(crate) fn init(verbose: u8) {
    let default = match verbose {
        0 => "warn",
        1 => "info",
        _ => "debug,h2=info,hyper=info,tower=info,rustls=info",
    };
    let filter = EnvFilter::try_from_env("SKIFF_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
}
