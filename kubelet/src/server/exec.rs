//! `/exec/{namespace}/{pod}/{container}`: a command in a container, over the caller's stream.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::response::Response;

use super::answer::Refused;
use super::{Served, find};
use crate::runtime::{ExecRequest, Runtime, StreamRequest, cri};
use crate::streams::{accept, is_spdy, serve_exec};

/// The command and its streams, as the API server asks for them: `command=ls&command=-l&output=1&error=1`.
pub(super) fn request_of(query: &str) -> ExecRequest {
    let mut request = ExecRequest::default();
    for pair in query.split('&') {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let is_set = value == "1" || value == "true";
        match key {
            "command" => request.argv.push(decoded(value)),
            "input" | "stdin" => request.stdin = is_set,
            "output" | "stdout" => request.stdout = is_set,
            "error" | "stderr" => request.stderr = is_set,
            "tty" => request.tty = is_set,
            _ => {}
        }
    }
    request
}

/// A value of a query without its percent signs and plus signs.
fn decoded(value: &str) -> String {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let byte = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (first, byte) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &after[2..];
                continue;
            }
            (b'+', _) => bytes.push(b' '),
            (other, _) => bytes.push(*other),
        }
        rest = after;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Answers with an upgrade; the command starts when the stream stands.
pub(super) async fn serve<R: Runtime>(
    State(served): State<Arc<Served<R>>>,
    Path((namespace, pod, container)): Path<(String, String, String)>,
    mut request: Request,
) -> Result<Response, Refused> {
    let exec = request_of(request.uri().query().unwrap_or_default());
    if exec.argv.is_empty() {
        return Err(Refused::bad_request(
            "you must specify at least 1 command for the container",
        ));
    }
    let pod = find::pod(&served.pods, &namespace, &pod)?;
    let id = find::running(&pod, &container)?;
    if is_spdy(request.headers()) {
        let exec = StreamRequest::Exec(cri_request(id, exec));
        return served.relay(exec, &mut request).await;
    }
    let (response, socket) = accept(&mut request)?;
    let context = served.context.clone();
    served.carry(async move {
        let runtime = &context.runtime;
        serve_exec(socket, runtime.exec(&id, exec)).await
    });
    Ok(response.map(|()| Body::empty()))
}

fn cri_request(container_id: String, exec: ExecRequest) -> cri::ExecRequest {
    cri::ExecRequest {
        container_id,
        cmd: exec.argv,
        tty: exec.tty,
        stdin: exec.stdin,
        stdout: exec.stdout,
        // CRI takes no standard error for a terminal.
        stderr: exec.stderr && !exec.tty,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_is_the_command() {
        let request = request_of(
            "command=sh&command=-c&command=echo+%22a%26b%22+50%25&input=1&output=1&tty=1",
        );
        assert_eq!(request.argv, ["sh", "-c", "echo \"a&b\" 50%"]);
        assert!(request.stdin && request.stdout && request.tty && !request.stderr);
        assert_eq!(request_of("command=%zz").argv, ["%zz"]);
    }
}
