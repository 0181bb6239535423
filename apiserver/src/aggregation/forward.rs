//! A request passed on to the server of its group, together with who asks (the front-proxy headers).

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::header::{AUTHORIZATION, CONNECTION, COOKIE, HOST, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use http_body_util::BodyExt as _;
use hyper::upgrade::OnUpgrade;
use skiff_api::{Reason, Status, UserInfo};

use super::Backend;
use crate::limits::{Limits, Place};
use crate::tunnel;

const USER: HeaderName = HeaderName::from_static("x-remote-user");
const UID: HeaderName = HeaderName::from_static("x-remote-uid");
const GROUP: HeaderName = HeaderName::from_static("x-remote-group");
const EXTRA: &str = "x-remote-extra-";

/// What is said to this server and nobody else, or belongs to one connection.
const KEPT_HERE: [HeaderName; 4] = [AUTHORIZATION, COOKIE, HOST, TRANSFER_ENCODING];
/// By which both sides of a connection agree on another protocol.
const HANDSHAKE: [HeaderName; 2] = [CONNECTION, UPGRADE];

/// Passes a request on, and what its connection becomes.
pub(crate) async fn forward(
    limits: &Limits,
    backend: &Backend,
    user: &UserInfo,
    request: Request,
) -> Result<Response, Status> {
    if !backend.is_available() {
        return Err(Status::new(
            Reason::ServiceUnavailable,
            "service unavailable",
        ));
    }
    let (mut parts, body) = request.into_parts();
    let client = parts.extensions.remove::<OnUpgrade>();
    let place = parts.extensions.get::<Place>().cloned();
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let uri: Uri = backend
        .url(path)
        .parse()
        .map_err(|_| Status::bad_request(format!("invalid path {path:?}")))?;
    let mut passed = Request::new(body);
    *passed.method_mut() = parts.method;
    *passed.uri_mut() = uri;
    *passed.headers_mut() = headers(&parts.headers, user, client.is_some());
    let answer = backend.remote.send(passed).await;
    let mut answer = answer.map_err(|error| {
        let message = format!("error trying to reach service: {error}");
        Status::new(Reason::ServiceUnavailable, message)
    })?;
    if let Some(client) = client
        && answer.status() == StatusCode::SWITCHING_PROTOCOLS
    {
        let place = place.map_or_else(|| limits.place(), Ok)?;
        let server = hyper::upgrade::on(&mut answer);
        backend.remote.spawn(async move {
            let _held = place;
            tunnel::carry(client, server).await;
        });
        return Ok(answer.map(Body::new));
    }
    answer.headers_mut().remove(CONNECTION);
    answer.headers_mut().remove(TRANSFER_ENCODING);
    Ok(answer.map(|body| {
        Body::new(body.map_frame(move |frame| {
            // A watch keeps its place among the open requests until it ends.
            let _held = &place;
            frame
        }))
    }))
}

/// The headers of a request, with its user; nobody else can say who that is.
pub(super) fn headers(sent: &HeaderMap, user: &UserInfo, upgrades: bool) -> HeaderMap {
    let mut passed = HeaderMap::new();
    for (name, value) in sent {
        let text = name.as_str();
        let is_kept = KEPT_HERE.contains(name)
            || (!upgrades && HANDSHAKE.contains(name))
            || text.starts_with("impersonate-")
            || text.starts_with("x-remote-");
        if !is_kept {
            passed.append(name.clone(), value.clone());
        }
    }
    add(&mut passed, USER, &user.name);
    if !user.uid.is_empty() {
        add(&mut passed, UID, &user.uid);
    }
    for group in &user.groups {
        add(&mut passed, GROUP, group);
    }
    for (key, values) in &user.extra {
        let Ok(name) = HeaderName::try_from(format!("{EXTRA}{}", escaped(key))) else {
            continue;
        };
        values
            .iter()
            .for_each(|value| add(&mut passed, name.clone(), value));
    }
    passed
}

fn add(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.append(name, value);
    }
}

/// What stands in no header's name is written as `%2f`.
fn escaped(key: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&'*+-.^_`|~".contains(&byte);
    let mut text = String::new();
    for byte in key.to_lowercase().bytes() {
        match plain(byte) {
            true => text.push(char::from(byte)),
            false => text.push_str(&format!("%{byte:02x}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_is_the_one_that_this_server_knows() {
        let mut sent = HeaderMap::new();
        for (name, value) in [
            ("accept", "application/json"),
            ("connection", "Upgrade"),
            ("upgrade", "websocket"),
            ("authorization", "Bearer secret"),
            ("impersonate-user", "jane"),
            ("x-remote-user", "system:admin"),
            ("x-remote-group", "system:masters"),
        ] {
            sent.insert(name, HeaderValue::from_static(value));
        }
        let mut user = UserInfo::new("jane", ["people", "system:authenticated"]);
        user.extra
            .insert("example.com/Team".to_owned(), vec!["a".to_owned()]);
        let shown = |upgrades| {
            let passed = headers(&sent, &user, upgrades);
            let lines = passed
                .iter()
                .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()));
            let mut lines: Vec<String> = lines.collect();
            lines.sort();
            lines
        };
        assert_eq!(
            shown(false),
            [
                "accept: application/json",
                "x-remote-extra-example.com%2fteam: a",
                "x-remote-group: people",
                "x-remote-group: system:authenticated",
                "x-remote-user: jane",
            ]
        );
        let handshake = ["connection: Upgrade", "upgrade: websocket"];
        assert!(
            handshake
                .iter()
                .all(|line| shown(true).contains(&(*line).to_owned()))
        );
    }
}
