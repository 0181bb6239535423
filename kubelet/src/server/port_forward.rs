//! `/portForward/{namespace}/{pod}`: connections to ports of a Pod, as if from within.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use http::Uri;

use super::answer::Refused;
use super::{Served, find};
use crate::pods::object;
use crate::runtime::{Runtime, StreamRequest, cri};
use crate::streams::{accept_tunnel, serve_tunnel};

/// Answers with an upgrade: a tunnel of SPDY, or what the runtime serves itself (SPDY, and WebSocket as kube-rs speaks it).
pub(super) async fn serve<R: Runtime>(
    State(served): State<Arc<Served<R>>>,
    Path((namespace, pod)): Path<(String, String)>,
    mut request: Request,
) -> Result<Response, Refused> {
    let pod = find::pod(&served.pods, &namespace, &pod)?;
    let sandbox = served
        .context
        .runtime
        .ready_sandbox(object::uid(&pod))
        .await;
    let sandbox = sandbox.map_err(|error| Refused::internal(error.to_string()))?;
    let pod_sandbox_id = sandbox.ok_or_else(|| Refused::not_found("the pod is not running"))?;
    let forward = StreamRequest::PortForward(cri::PortForwardRequest {
        pod_sandbox_id,
        port: ports(request.uri()),
    });
    let Ok((response, socket)) = accept_tunnel(&mut request) else {
        return served.relay(forward, &mut request).await;
    };
    let url = served.stream_url(forward).await?;
    served.carry(async move { serve_tunnel(socket, &url).await });
    Ok(response.map(|()| Body::empty()))
}

/// `ports=80&ports=443,8080`: WebSocket clients name them here.
fn ports(uri: &Uri) -> Vec<i32> {
    let pairs = uri.query().unwrap_or_default().split('&');
    let lists = pairs.filter_map(|pair| pair.strip_prefix("ports=").or(pair.strip_prefix("port=")));
    let numbers = lists.flat_map(|list| list.split([',']));
    numbers
        .flat_map(|number| number.split("%2C"))
        .filter_map(|number| number.parse::<u16>().ok())
        .map(i32::from)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_named_alone_or_in_lists() {
        for (query, expected) in [
            ("/", vec![]),
            ("/?ports=80", vec![80]),
            ("/?ports=80&port=443", vec![80, 443]),
            ("/?ports=80,443", vec![80, 443]),
            ("/?ports=80%2C443&x=1", vec![80, 443]),
            ("/?ports=99999&ports=x", vec![]),
        ] {
            assert_eq!(ports(&query.parse().unwrap()), expected, "{query}");
        }
    }
}
