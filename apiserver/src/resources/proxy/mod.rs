//! `proxy` of Pods, Services and Nodes: passes a request on as it is, upgrades included.
//!
//! <https://kubernetes.io/docs/tasks/access-application-cluster/access-cluster-services/>

mod place;

use axum::body::Body;
use axum::response::Response;
use http::header::{AUTHORIZATION, CONNECTION, COOKIE, HOST, LOCATION, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
use rand::seq::IndexedRandom as _;
use skiff_api::{Reason, Status, metadata};

use super::{Call, streams};
use crate::address::Address;
use crate::kubelet::{KubeletError, Security, address_of};
use crate::services;
use crate::tunnel;
use place::Named;

/// Headers that belong to one connection alone, and what is said to this server and nobody else.
const KEPT_HERE: [HeaderName; 4] = [
    AUTHORIZATION,
    COOKIE,
    TRANSFER_ENCODING,
    HeaderName::from_static("keep-alive"),
];
/// Before all that names somebody else: `--as`.
const IMPERSONATION: &str = "impersonate-";

/// Passes a request on to what the URL names.
pub(super) async fn handle(mut call: Call, body: Body) -> Result<Response, Status> {
    let text = call.target.name.clone();
    let named = Named::read(&text)?;
    let sent = call.parts.uri.path_and_query();
    let rest = place::rest(sent.map_or("", |sent| sent.as_str()), &text);
    let is_read = matches!(call.parts.method, Method::GET | Method::HEAD);
    if is_read && (rest.is_empty() || rest.starts_with('?')) {
        return Ok(with_slash(&call.info.path, &rest));
    }
    call.consult_stream().await?;
    let (address, security) = backend(&call, &named).await?;
    let path = if rest.starts_with('/') {
        rest
    } else {
        format!("/{rest}")
    };
    let path: Uri = path
        .parse()
        .map_err(|_| Status::bad_request(format!("invalid path {path:?}")))?;

    let client = call.parts.extensions.remove::<hyper::upgrade::OnUpgrade>();
    let upgrades = call.parts.headers.contains_key(UPGRADE);
    let mut request = Request::new(body);
    *request.method_mut() = call.parts.method.clone();
    *request.uri_mut() = path;
    *request.headers_mut() = passed_on(&call.parts.headers, &address, upgrades);
    let kubelets = &call.api.kubelets;
    let answer = kubelets.send_to(&address, security, request).await;
    let mut answer = answer.map_err(|error| unreachable_backend(&error))?;

    let guard = streams::guard(&call);
    if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
        let backend = hyper::upgrade::on(&mut answer);
        kubelets.spawn(async move {
            let _held = guard;
            if let Some(client) = client {
                tunnel::carry(client, backend).await;
            }
        });
        return Ok(answer.map(Body::new));
    }
    answer.headers_mut().remove(CONNECTION);
    answer.headers_mut().remove(TRANSFER_ENCODING);
    Ok(answer.map(|body| streams::held(body, guard)))
}

/// A browser resolves relative links below a folder: `…/proxy` is sent to `…/proxy/`.
fn with_slash(path: &str, query: &str) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::MOVED_PERMANENTLY;
    // A path that came in a request is a header's value.
    if let Ok(location) = HeaderValue::from_str(&format!("{path}/{query}")) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

/// Where it goes, and how.
async fn backend(call: &Call, named: &Named<'_>) -> Result<(Address, Security), Status> {
    let namespace = &call.target.namespace;
    let object = call.storage.get_object(namespace, named.name).await?;
    let security = match named.scheme {
        "https" => Security::Anybody,
        _ => Security::Plain,
    };
    match call.target.resource.as_str() {
        "pods" => Ok((place::of_pod(&object, named.port)?, security)),
        "services" => {
            let endpoints = call.api.objects.core("endpoints")?;
            let endpoints = endpoints.get_object(namespace, named.name).await;
            let found = services::endpoints(&object, &endpoints.unwrap_or_default(), named.port);
            let chosen = found.choose(&mut rand::rng()).cloned();
            let none = format!("no endpoints available for service {:?}", call.target.name);
            let chosen = chosen.ok_or_else(|| Status::new(Reason::ServiceUnavailable, none));
            Ok((chosen?, security))
        }
        _ => of_node(&object, named.port, security),
    }
}

/// The kubelet of a Node, which knows this server; or another port of its address.
fn of_node(
    node: &serde_json::Value,
    port: &str,
    security: Security,
) -> Result<(Address, Security), Status> {
    let name = metadata::name(node);
    let kubelet = address_of(node);
    let kubelet = kubelet.ok_or_else(|| {
        Status::internal(format!("no preferred addresses found for node {name:?}"))
    })?;
    let invalid = || Status::bad_request(format!("invalid port {port:?}"));
    let port = match port {
        "" => kubelet.port,
        port => port.parse().map_err(|_| invalid())?,
    };
    let security = match port == kubelet.port {
        true => Security::Kubelet,
        false => security,
    };
    Ok((Address { port, ..kubelet }, security))
}

/// The headers of a request, without those that are for this server.
fn passed_on(headers: &HeaderMap, backend: &Address, upgrades: bool) -> HeaderMap {
    let mut passed = HeaderMap::new();
    for (name, value) in headers {
        let is_kept = KEPT_HERE.contains(name)
            || name.as_str().starts_with(IMPERSONATION)
            || (!upgrades && (name == CONNECTION || name == UPGRADE));
        if !is_kept {
            passed.append(name.clone(), value.clone());
        }
    }
    // HTTP/2 names the host elsewhere.
    if !passed.contains_key(HOST)
        && let Ok(host) = HeaderValue::from_str(&format!("{}:{}", backend.host, backend.port))
    {
        passed.insert(HOST, host);
    }
    passed
}

fn unreachable_backend(error: &KubeletError) -> Status {
    let source = std::error::Error::source(error).map(ToString::to_string);
    let message = format!(
        "error trying to reach service: {error}: {}",
        source.unwrap_or_default()
    );
    Status::new(Reason::ServiceUnavailable, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_of_the_client_stay_here() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("authorization", "Bearer secret"),
            ("impersonate-user", "jane"),
            ("connection", "keep-alive"),
            ("accept", "text/html"),
            ("host", "cluster:6443"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        let backend = Address {
            host: "10.0.0.7".to_owned(),
            port: 80,
        };
        let passed = passed_on(&headers, &backend, false);
        let mut names: Vec<&str> = passed.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["accept", "host"]);
        headers.remove(HOST);
        assert_eq!(passed_on(&headers, &backend, true)[HOST], "10.0.0.7:80");
        assert!(passed_on(&headers, &backend, true).contains_key(CONNECTION));
    }
}
