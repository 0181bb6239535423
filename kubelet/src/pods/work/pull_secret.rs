//! Credentials for registries, from the Pod's `imagePullSecrets`.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::core::v1::{Pod, Secret};
use serde::Deserialize;

use super::image_name;
use crate::objects::Objects;
use crate::runtime::cri::AuthConfig;

/// The content of a Secret of type `kubernetes.io/dockerconfigjson`.
#[derive(Deserialize, Default)]
struct DockerConfig {
    #[serde(default)]
    auths: BTreeMap<String, Credentials>,
}

#[derive(Deserialize, Clone, Default)]
struct Credentials {
    #[serde(default)]
    username: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    auth: String,
}

/// What the Pod's Secrets have for an image.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The credentials for the longest name that the image is below.
    pub(super) auth: Option<AuthConfig>,
    /// Secrets that are not there.
    pub(super) missing: Vec<String>,
}

/// Looks through the Pod's Secrets. One that cannot be read as such counts as empty.
pub(super) async fn find(objects: &Objects, pod: &Pod, image: &str) -> Found {
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    let spec = pod.spec.as_ref();
    let references = spec.and_then(|spec| spec.image_pull_secrets.as_deref());
    let image = full_name(image);
    let mut missing = Vec::new();
    let mut best: Option<(usize, AuthConfig)> = None;
    for reference in references.unwrap_or_default() {
        let Ok(Some(secret)) = objects.secrets.get(namespace, &reference.name).await else {
            missing.push(reference.name.clone());
            continue;
        };
        for (server, credentials) in &parse(&secret).auths {
            let length = place_of(server).len();
            let is_better = best.as_ref().is_none_or(|(known, _)| *known < length);
            if is_better && is_below(&image, &place_of(server)) {
                best = Some((length, auth(server, credentials)));
            }
        }
    }
    Found {
        auth: best.map(|(_, auth)| auth),
        missing,
    }
}

fn parse(secret: &Secret) -> DockerConfig {
    let data = secret.data.iter().flatten();
    let mut json = data.filter(|(key, _)| *key == ".dockerconfigjson");
    let config = json
        .next()
        .and_then(|(_, bytes)| serde_json::from_slice(&bytes.0).ok());
    config.unwrap_or_default()
}

fn auth(server: &str, credentials: &Credentials) -> AuthConfig {
    let decoded = STANDARD.decode(&credentials.auth).ok();
    let decoded = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
    let pair = decoded.as_deref().and_then(|text| text.split_once(':'));
    let (username, password) = pair.unwrap_or((&credentials.username, &credentials.password));
    AuthConfig {
        username: username.to_owned(),
        password: password.to_owned(),
        server_address: server.to_owned(),
        ..AuthConfig::default()
    }
}

/// A server of a configuration as a prefix of image names: host, port and path.
fn place_of(server: &str) -> String {
    let place = server.split_once("://").map_or(server, |(_, rest)| rest);
    let place = place.trim_end_matches('/');
    match place {
        "index.docker.io" | "index.docker.io/v1" | "docker.io" => "docker.io".to_owned(),
        place => place.to_owned(),
    }
}

/// An image's name with its registry.
fn full_name(image: &str) -> String {
    let registry = image_name::registry(image);
    match image.strip_prefix(registry) {
        Some(rest) if rest.starts_with('/') => image.to_owned(),
        _ => format!("{registry}/{image}"),
    }
}

/// Whether an image is in this registry and, if it has a path, below that. Parts of the host may be `*`
/// (<https://kubernetes.io/docs/concepts/containers/images/#config-json>).
fn is_below(image: &str, place: &str) -> bool {
    let split = |name: &str| -> (String, String) {
        let (host, path) = name.split_once('/').unwrap_or((name, ""));
        (host.to_owned(), path.to_owned())
    };
    let ((host, path), (wanted_host, wanted_path)) = (split(image), split(place));
    let (labels, wanted): (Vec<&str>, Vec<&str>) =
        (host.split('.').collect(), wanted_host.split('.').collect());
    let is_host = labels.len() == wanted.len()
        && labels
            .iter()
            .zip(&wanted)
            .all(|(label, wanted)| *wanted == "*" || label == wanted);
    is_host && path.starts_with(&wanted_path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_belong_to_a_registry() {
        for (image, server, expected) in [
            ("nginx", "https://index.docker.io/v1/", true),
            ("team/app:1", "docker.io", true),
            ("quay.io/a/b", "quay.io", true),
            ("quay.io/a/b", "docker.io", false),
            ("quay.io/a/b:1", "https://quay.io/a", true),
            ("quay.io/b/a:1", "quay.io/a", false),
            ("localhost:5000/x", "localhost:5000", true),
            ("localhost:5000/x", "localhost:5001", false),
            ("eu.reg.io/x", "*.reg.io", true),
            ("reg.io/x", "*.reg.io", false),
        ] {
            let is_for = is_below(&full_name(image), &place_of(server));
            assert_eq!(is_for, expected, "{image} {server}");
        }
        let both = Credentials {
            auth: STANDARD.encode("me:pa:ss"),
            ..Credentials::default()
        };
        let auth = auth("quay.io", &both);
        assert_eq!(
            (auth.username.as_str(), auth.password.as_str()),
            ("me", "pa:ss")
        );
    }
}
