//! What a client needs of a kubeconfig: <https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/>.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

/// The server and the user of the current context.
#[derive(Debug)]
pub(super) struct Kubeconfig {
    /// `https://host:port`
    pub(super) server: String,
    /// The name in the server's certificate, if it is not the host.
    pub(super) tls_server_name: Option<String>,
    /// Who signs the server's certificate.
    pub(super) ca_pem: Vec<u8>,
    pub(super) certificate_pem: Vec<u8>,
    pub(super) key_pem: Vec<u8>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct File {
    current_context: String,
    contexts: Vec<Named>,
    clusters: Vec<Named>,
    users: Vec<Named>,
}

/// An entry of one of the lists: a name and one of the rest.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Named {
    name: String,
    #[serde(default)]
    context: UsedTogether,
    #[serde(default)]
    cluster: Cluster,
    #[serde(default)]
    user: User,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct UsedTogether {
    cluster: String,
    user: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct Cluster {
    server: String,
    tls_server_name: Option<String>,
    certificate_authority: Option<String>,
    certificate_authority_data: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct User {
    client_certificate: Option<String>,
    client_certificate_data: Option<String>,
    client_key: Option<String>,
    client_key_data: Option<String>,
}

impl Kubeconfig {
    /// Reads `file`, and the files that it names.
    ///
    /// # Errors
    /// If its user has no client certificate: no other way to authenticate is known here.
    pub(super) fn read(file: &Path) -> Result<Self> {
        let reading = || format!("read the kubeconfig {}", file.display());
        let text = fs::read_to_string(file).with_context(reading)?;
        let folder = file.parent().unwrap_or(Path::new(""));
        Self::parse(&text, folder).with_context(reading)
    }

    fn parse(text: &str, folder: &Path) -> Result<Self> {
        let file: File = serde_norway::from_str(text)?;
        let context = &named(&file.contexts, &file.current_context)?.context;
        let cluster = &named(&file.clusters, &context.cluster)?.cluster;
        let user = &named(&file.users, &context.user)?.user;
        let content = |what, data: &Option<String>, path: &Option<String>| match (data, path) {
            (Some(data), _) => STANDARD
                .decode(data)
                .with_context(|| format!("decode {what}-data")),
            (None, Some(path)) => {
                fs::read(folder.join(path)).with_context(|| format!("read {path}"))
            }
            (None, None) => bail!("it has no {what}"),
        };
        Ok(Self {
            server: cluster.server.clone(),
            tls_server_name: cluster.tls_server_name.clone(),
            ca_pem: content(
                "certificate-authority",
                &cluster.certificate_authority_data,
                &cluster.certificate_authority,
            )?,
            certificate_pem: content(
                "client-certificate",
                &user.client_certificate_data,
                &user.client_certificate,
            )?,
            key_pem: content("client-key", &user.client_key_data, &user.client_key)?,
        })
    }
}

fn named<'a>(list: &'a [Named], name: &str) -> Result<&'a Named> {
    let entry = list.iter().find(|entry| entry.name == name);
    entry.with_context(|| format!("it names {name:?}, which it does not have"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "
apiVersion: v1
kind: Config
current-context: b
contexts:
- {name: a, context: {cluster: one, user: nobody}}
- {name: b, context: {cluster: two, user: admin, namespace: default}}
clusters:
- {name: one, cluster: {server: 'https://one:6443'}}
- {name: two, cluster: {server: 'https://two:6443', certificate-authority-data: Y2E=}}
users:
- {name: nobody, user: {token: secret}}
- {name: admin, user: {client-certificate-data: Y2VydA==, client-key-data: a2V5}}
";

    #[test]
    fn the_current_context_counts() {
        let read = Kubeconfig::parse(FILE, Path::new("")).expect("sound");
        assert_eq!(read.server, "https://two:6443");
        assert_eq!(read.ca_pem, b"ca");
        assert_eq!(read.certificate_pem, b"cert");
        assert_eq!(read.key_pem, b"key");
    }

    #[test]
    fn what_is_missing_is_named() {
        let without_certificate = FILE.replace("client-certificate-data: Y2VydA==, ", "");
        let cases = [
            (
                FILE.replace("current-context: b", "current-context: c"),
                "\"c\"",
            ),
            (without_certificate, "it has no client-certificate"),
            (
                FILE.replace("Y2VydA==", "~~~~"),
                "decode client-certificate-data",
            ),
            (
                FILE.replace("certificate-authority-data: Y2E=", ""),
                "it has no certificate-authority",
            ),
        ];
        for (text, words) in cases {
            let error = Kubeconfig::parse(&text, Path::new("")).expect_err("refused");
            assert!(format!("{error:#}").contains(words), "{error:#}");
        }
    }
}
