//! Credentials for registries, from the Pod's `imagePullSecrets`.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::core::v1::{Pod, Secret};
use serde::Deserialize;

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

/// The credentials for the registry of this image, if one of the Pod's Secrets has some. One that cannot be read counts as none.
pub(super) async fn find(objects: &Objects, pod: &Pod, image: &str) -> Option<AuthConfig> {
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    let spec = pod.spec.as_ref()?;
    for reference in spec.image_pull_secrets.iter().flatten() {
        let Ok(Some(secret)) = objects.secrets.get(namespace, &reference.name).await else {
            continue;
        };
        let config = parse(&secret);
        let found = config
            .auths
            .iter()
            .find(|(server, _)| host_of(server) == registry(image));
        if let Some((server, credentials)) = found {
            return Some(auth(server, credentials));
        }
    }
    None
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

fn host_of(server: &str) -> &str {
    let server = server.split_once("://").map_or(server, |(_, rest)| rest);
    match server.split('/').next().unwrap_or_default() {
        "index.docker.io" => "docker.io",
        host => host,
    }
}

/// The registry that an image's name stands for.
fn registry(image: &str) -> &str {
    match image.split_once('/') {
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => host_of(host),
        _ => "docker.io",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_belong_to_a_registry() {
        let cases = [
            ("nginx", "docker.io"),
            ("team/app:1", "docker.io"),
            ("quay.io/a/b", "quay.io"),
            ("localhost:5000/x", "localhost:5000"),
        ];
        for (image, expected) in cases {
            assert_eq!(registry(image), expected, "{image}");
        }
        assert_eq!(host_of("https://index.docker.io/v1/"), "docker.io");
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
