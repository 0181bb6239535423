//! `/attach/{namespace}/{pod}/{container}`: the streams of a container's first process.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::response::Response;

use super::answer::Refused;
use super::exec::request_of;
use super::{Served, find};
use crate::pods::object;
use crate::runtime::{Runtime, StreamRequest, cri};
use crate::streams::{accept, attach, is_spdy, serve_exec};

/// Answers with an upgrade; output since then, and input from then on, goes over the stream.
pub(super) async fn serve<R: Runtime>(
    State(served): State<Arc<Served<R>>>,
    Path((namespace, pod, container)): Path<(String, String, String)>,
    mut request: Request,
) -> Result<Response, Refused> {
    let wanted = request_of(request.uri().query().unwrap_or_default());
    let pod = find::pod(&served.pods, &namespace, &pod)?;
    let container_id = find::running(&pod, &container)?;
    let wanted = cri::AttachRequest {
        container_id,
        tty: wanted.tty,
        stdin: wanted.stdin,
        stdout: wanted.stdout,
        // CRI takes no standard error for a terminal.
        stderr: wanted.stderr && !wanted.tty,
    };
    if is_spdy(request.headers()) {
        let attach = StreamRequest::Attach(wanted);
        return served.relay(attach, &mut request).await;
    }
    let (response, socket) = accept(&mut request)?;
    let spec = object::any_container(&pod, &container);
    let keeps_input = spec.is_some_and(|spec| spec.stdin_once != Some(true));
    let context = served.context.clone();
    served.carry(async move {
        let session = attach(&*context.runtime, wanted, keeps_input);
        serve_exec(socket, session).await
    });
    Ok(response.map(|()| Body::empty()))
}
