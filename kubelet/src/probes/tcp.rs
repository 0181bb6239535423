use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

use super::Outcome;

/// A connection that opens passes.
pub(super) async fn probe(host: &str, port: u16, limit: Duration) -> Outcome {
    let address = if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    };
    match timeout(limit, TcpStream::connect((host, port))).await {
        Ok(Ok(_)) => Outcome::Passed,
        Ok(Err(error)) => Outcome::Failed(format!("dial tcp {address}: {}", dial_error(&error))),
        Err(_) => Outcome::Failed(format!("dial tcp {address}: i/o timeout")),
    }
}

/// An error of connect(2) in the words that users of Kubernetes know: Go's.
pub(super) fn dial_error(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::ConnectionRefused => "connect: connection refused".to_owned(),
        std::io::ErrorKind::HostUnreachable => "connect: no route to host".to_owned(),
        std::io::ErrorKind::NetworkUnreachable => "connect: network is unreachable".to_owned(),
        std::io::ErrorKind::TimedOut => "i/o timeout".to_owned(),
        _ => error.to_string(),
    }
}
