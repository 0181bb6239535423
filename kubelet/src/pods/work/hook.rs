//! Hooks of a container's life (<https://kubernetes.io/docs/concepts/containers/container-lifecycle-hooks/>).

use std::time::Duration;

use k8s_openapi::api::core::v1::{Container, HTTPGetAction, LifecycleHandler};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::probes;
use crate::runtime::Runtime;

/// Runs a hook to its end, at most for `limit`.
///
/// # Errors
/// Why it failed, in words for the event.
pub(super) async fn run<R: Runtime>(
    runtime: &R,
    container: &Container,
    container_id: &str,
    ip: &str,
    handler: &LifecycleHandler,
    limit: Duration,
) -> Result<(), String> {
    if let Some(action) = &handler.exec {
        return exec(
            runtime,
            container_id,
            action.command.clone().unwrap_or_default(),
            limit,
        )
        .await;
    }
    if let Some(action) = &handler.http_get {
        return http(container, ip, action, limit).await;
    }
    if let Some(action) = &handler.tcp_socket {
        let port = probes::resolve_port(container, &action.port).ok_or("no such port")?;
        let host = action.host.as_deref().unwrap_or(ip);
        let connected = timeout(limit, TcpStream::connect((host, port))).await;
        return match connected {
            Ok(connected) => connected.map(drop).map_err(|error| error.to_string()),
            Err(_) => Err("timed out".to_owned()),
        };
    }
    if let Some(action) = &handler.sleep {
        let seconds = u64::try_from(action.seconds).unwrap_or(0);
        sleep(Duration::from_secs(seconds).min(limit)).await;
    }
    Ok(())
}

async fn exec<R: Runtime>(
    runtime: &R,
    container_id: &str,
    command: Vec<String>,
    limit: Duration,
) -> Result<(), String> {
    let words = format!("Exec lifecycle hook ({command:?})");
    let output = runtime.exec_sync(container_id, command, limit).await;
    let output = output.map_err(|error| format!("{words} - error: {error}"))?;
    match output.exit_code {
        0 => Ok(()),
        code => Err(format!(
            "{words} - error: command exited with {code}: {}, message: {:?}",
            String::from_utf8_lossy(&output.stderr),
            String::from_utf8_lossy(&output.stdout)
        )),
    }
}

async fn http(
    container: &Container,
    ip: &str,
    action: &HTTPGetAction,
    limit: Duration,
) -> Result<(), String> {
    let host = action
        .host
        .as_deref()
        .filter(|host| !host.is_empty())
        .unwrap_or(ip);
    let port = probes::resolve_port(container, &action.port).ok_or("no such port")?;
    // Any answer will do: a hook is a call, not a question.
    probes::http_get(host, port, action, limit).await.map(drop)
}
