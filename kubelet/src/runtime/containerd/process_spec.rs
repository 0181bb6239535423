//! How a process is described to runc: <https://github.com/opencontainers/runtime-spec/blob/main/config.md#process>.

use containerd_client::services::v1::GetContainerRequest;
use containerd_client::services::v1::containers_client::ContainersClient;
use serde_json::{Value, json};
use tonic::transport::Channel;

use super::channel::native;
use crate::runtime::{ExecRequest, RuntimeError};

/// The description of the container's own process, with another command.
pub(super) async fn of_command(
    channel: &Channel,
    container_id: &str,
    request: &ExecRequest,
) -> Result<Vec<u8>, RuntimeError> {
    let incomplete = |field| RuntimeError::Incomplete {
        call: "GetContainer",
        field,
    };
    let get = native(GetContainerRequest {
        id: container_id.to_owned(),
    });
    let answer = ContainersClient::new(channel.clone()).get(get).await;
    let container = answer
        .map_err(RuntimeError::rpc("GetContainer"))?
        .into_inner()
        .container;
    let spec = container
        .and_then(|container| container.spec)
        .ok_or(incomplete("spec"))?;
    let mut spec: Value = serde_json::from_slice(&spec.value).map_err(|_| incomplete("spec"))?;
    let process = spec.get_mut("process").ok_or(incomplete("process"))?;
    Ok(with_command(process.take(), request)
        .to_string()
        .into_bytes())
}

fn with_command(mut process: Value, request: &ExecRequest) -> Value {
    process["args"] = json!(request.argv);
    process["terminal"] = json!(request.tty);
    if request.tty
        && let Some(env) = process.get_mut("env").and_then(Value::as_array_mut)
    {
        env.push(json!("TERM=xterm"));
    }
    process
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(tty: bool) -> ExecRequest {
        ExecRequest {
            argv: vec!["sh".to_owned(), "-c".to_owned(), "true".to_owned()],
            tty,
            ..ExecRequest::default()
        }
    }

    #[test]
    fn a_command_runs_as_the_containers_own_process_does() {
        let own = json!({"args": ["sleep"], "env": ["A=1"], "user": {"uid": 7}, "cwd": "/work"});
        let process = with_command(own, &request(false));
        assert_eq!(
            process,
            json!({
                "args": ["sh", "-c", "true"],
                "terminal": false,
                "env": ["A=1"],
                "user": {"uid": 7},
                "cwd": "/work",
            })
        );
    }

    #[test]
    fn a_terminal_has_a_type() {
        let process = with_command(json!({"args": [], "env": ["A=1"]}), &request(true));
        assert_eq!(process["terminal"], true);
        assert_eq!(process["env"], json!(["A=1", "TERM=xterm"]));
    }
}
