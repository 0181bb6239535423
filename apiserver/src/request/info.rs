//! Verb, resource, namespace and name of a request (Kubernetes' RequestInfo).

use http::{Method, Uri};

use super::Query;

/// What a request asks for.
#[derive(Clone, Debug)]
pub(crate) struct RequestInfo {
    /// As RBAC writes it: `get`, `list`, `create`, …; the method in lower case for paths that are no resource.
    pub(crate) verb: &'static str,
    /// The path as sent.
    pub(crate) path: String,
    /// The decoded query.
    pub(crate) query: Query,
    /// The resource, unless it is a path such as `/healthz`.
    pub(crate) target: Option<Target>,
}

/// The resource, or the object, that a request is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Target {
    /// The API group, empty for core.
    pub(crate) group: String,
    /// Such as `v1`.
    pub(crate) version: String,
    /// Empty for all namespaces, or for a resource without.
    pub(crate) namespace: String,
    /// The plural, such as `pods`.
    pub(crate) resource: String,
    /// Such as `status`, or empty.
    pub(crate) subresource: String,
    /// Empty for a collection.
    pub(crate) name: String,
}

impl RequestInfo {
    /// Reads a method and a URL. Never fails: what is no resource is a path.
    pub(crate) fn read(method: &Method, uri: &Uri) -> Self {
        let query = Query::of(uri);
        let mut target = Target::read(uri.path());
        let verb = match &target {
            Some(target) => resource_verb(method, target, &query),
            None => method_verb(method),
        };
        if let Some(target) = &mut target
            && target.name.is_empty()
            && matches!(verb, "list" | "watch" | "deletecollection")
        {
            target.name = selected_name(&query).unwrap_or_default();
        }
        Self {
            verb,
            path: uri.path().to_owned(),
            query,
            target,
        }
    }

    /// What it takes to be somebody else: to `impersonate` that user or group.
    pub(crate) fn impersonation(target: Target) -> Self {
        Self {
            verb: "impersonate",
            path: String::new(),
            query: Query::default(),
            target: Some(target),
        }
    }

    /// Whether it may stay open for long: watches and streams.
    pub(crate) fn is_long_running(&self) -> bool {
        let streams = ["log", "exec", "attach", "portforward", "proxy"];
        self.verb == "watch"
            || self
                .target
                .as_ref()
                .is_some_and(|target| streams.contains(&target.subresource.as_str()))
    }

    /// Whether it can change anything.
    pub(crate) fn is_read_only(&self) -> bool {
        matches!(self.verb, "get" | "list" | "watch" | "head" | "options")
    }
}

impl Target {
    fn read(path: &str) -> Option<Self> {
        let mut segments = path
            .split('/')
            .filter(|segment| !segment.is_empty())
            .map(decode_percent)
            .peekable();
        let group = match segments.next()?.as_str() {
            "api" => String::new(),
            "apis" => segments.next()?,
            _ => return None,
        };
        let version = segments.next()?;
        let mut target = Self {
            group,
            version,
            ..Self::default()
        };
        let first = segments.next()?;
        if first != "namespaces" {
            target.resource = first;
        } else if let Some(namespace) = segments.next() {
            target.namespace = namespace;
            // Below a namespace come its resources, and the two subresources of the namespace itself.
            match segments.peek().map(String::as_str) {
                None | Some("status" | "finalize") => {
                    target.resource = first;
                    target.name.clone_from(&target.namespace);
                }
                Some(_) => target.resource = segments.next()?,
            }
        } else {
            target.resource = first;
        }
        if target.name.is_empty() {
            target.name = segments.next().unwrap_or_default();
        }
        target.subresource = match segments.peek().map(String::as_str) {
            // What follows is for the one behind the proxy.
            Some("proxy") => "proxy".to_owned(),
            _ => segments.collect::<Vec<_>>().join("/"),
        };
        Some(target)
    }

    /// `pods` or `pods/log`, as authorisation writes it.
    pub(crate) fn full_resource(&self) -> String {
        if self.subresource.is_empty() {
            self.resource.clone()
        } else {
            format!("{}/{}", self.resource, self.subresource)
        }
    }
}

fn resource_verb(method: &Method, target: &Target, query: &Query) -> &'static str {
    match *method {
        // Who names an object gets that object: its name may be all that a rule allows.
        Method::GET | Method::HEAD if !target.name.is_empty() => "get",
        Method::GET | Method::HEAD if query.flag("watch") => "watch",
        Method::GET | Method::HEAD => "list",
        Method::POST => "create",
        Method::PUT => "update",
        Method::PATCH => "patch",
        Method::DELETE if target.name.is_empty() => "deletecollection",
        Method::DELETE => "delete",
        _ => "",
    }
}

fn method_verb(method: &Method) -> &'static str {
    match *method {
        Method::GET => "get",
        Method::HEAD => "head",
        Method::POST => "post",
        Method::PUT => "put",
        Method::PATCH => "patch",
        Method::DELETE => "delete",
        Method::OPTIONS => "options",
        _ => "",
    }
}

/// The name that a list is narrowed to, so that a rule with resource names can allow it.
fn selected_name(query: &Query) -> Option<String> {
    let selector = query.get("fieldSelector")?;
    let (field, value) = selector.split_once('=')?;
    let value = value.trim_start_matches('=');
    let plain = field == "metadata.name" && !value.contains([',', '=', '!']);
    plain.then(|| value.to_owned())
}

/// Decodes `%3A` and the like; what is no such escape, or no UTF-8 after it, stays as it is.
fn decode_percent(segment: &str) -> String {
    if !segment.contains('%') {
        return segment.to_owned();
    }
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = (*first == b'%')
            .then(|| tail.get(..2))
            .flatten()
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8(bytes).unwrap_or_else(|_| segment.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(method: &str, url: &str) -> String {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let info = RequestInfo::read(&method, &url.parse().unwrap());
        match info.target {
            None => format!("{} {}", info.verb, info.path),
            Some(target) => format!(
                "{} {}/{} {} ns={} name={}",
                info.verb,
                target.group,
                target.version,
                target.full_resource(),
                target.namespace,
                target.name
            ),
        }
    }

    #[test]
    fn a_url_says_what_is_asked_for() {
        let cases = [
            ("GET", "/healthz", "get /healthz"),
            ("GET", "/api", "get /api"),
            ("GET", "/api/v1", "get /api/v1"),
            ("GET", "/apis/apps/v1", "get /apis/apps/v1"),
            ("POST", "/version", "post /version"),
            ("GET", "/api/v1/pods", "list /v1 pods ns= name="),
            ("GET", "/api/v1/pods?watch=1", "watch /v1 pods ns= name="),
            ("GET", "/api/v1/pods?watch=false", "list /v1 pods ns= name="),
            ("GET", "/api/v1/namespaces", "list /v1 namespaces ns= name="),
            (
                "GET",
                "/api/v1/namespaces/a",
                "get /v1 namespaces ns=a name=a",
            ),
            (
                "PUT",
                "/api/v1/namespaces/a/finalize",
                "update /v1 namespaces/finalize ns=a name=a",
            ),
            (
                "POST",
                "/api/v1/namespaces/a/pods",
                "create /v1 pods ns=a name=",
            ),
            (
                "GET",
                "/api/v1/namespaces/a/pods/b",
                "get /v1 pods ns=a name=b",
            ),
            (
                "GET",
                "/api/v1/namespaces/a/pods/b/log?follow=true",
                "get /v1 pods/log ns=a name=b",
            ),
            (
                "PATCH",
                "/apis/apps/v1/namespaces/a/deployments/b/scale",
                "patch apps/v1 deployments/scale ns=a name=b",
            ),
            (
                "GET",
                "/api/v1/namespaces/a/pods/b?watch=1",
                "get /v1 pods ns=a name=b",
            ),
            (
                "DELETE",
                "/apis/apps/v1/namespaces/a/deployments",
                "deletecollection apps/v1 deployments ns=a name=",
            ),
            (
                "POST",
                "/api/v1/namespaces/a/services/http:web:80/proxy/x/y?z",
                "create /v1 services/proxy ns=a name=http:web:80",
            ),
            (
                "DELETE",
                "/api/v1/nodes/n%31",
                "delete /v1 nodes ns= name=n1",
            ),
            (
                "GET",
                "/api/v1/nodes?fieldSelector=metadata.name%3Dn1",
                "list /v1 nodes ns= name=n1",
            ),
        ];
        for (method, url, expected) in cases {
            assert_eq!(read(method, url), expected, "{method} {url}");
        }
    }
}
