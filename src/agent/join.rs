//! How a machine gets to be a node of a cluster: once by a token, then by what it was given.

use std::path::Path;

use anyhow::{Context, anyhow, bail};
use http::{Request, Uri, header};
use kube::Client;
use kube::config::{KubeConfigOptions, Kubeconfig};
use rustls::pki_types::CertificateDer;
use serde_json::{Value, json};
use skiff_apiserver::{JOIN_PATH, NodeCertificates, NodeRequest};

use super::pinned::fetch_ca;
use crate::config::{AgentSettings, NodeSettings};
use crate::kubeconfig::{self, Cluster};
use crate::pki::{NodePki, write_private};
use crate::token::JoinToken;

/// What a machine has once it joined.
pub(super) struct Joined {
    pub(super) cluster: Cluster,
    pub(super) pki: NodePki,
    /// Whether it joined just now.
    pub(super) is_new: bool,
}

/// Joins, if the machine has not joined before; then neither server nor token are needed.
///
/// # Errors
/// If the server cannot be reached, is not the token's, or does not take the token.
pub(super) async fn ensure(settings: &AgentSettings) -> anyhow::Result<Joined> {
    let node = &settings.node;
    let dir = node.data_dir.join("pki");
    let file = node.data_dir.join(kubeconfig::NODE);
    let is_new = !file.exists() || load(node)?.is_none();
    let cluster = match is_new {
        true => {
            let cluster = first_time(settings, &dir).await?;
            keep_kubeconfig(node, &cluster)?;
            cluster
        }
        false => again(settings, &file)?,
    };
    let pki = load(node)?.context("the certificates of this machine are gone")?;
    Ok(Joined {
        cluster,
        pki,
        is_new,
    })
}

/// Asks for new certificates, by those that the machine has.
pub(super) async fn renew(client: &Client, node: &NodeSettings) -> anyhow::Result<NodePki> {
    let dir = node.data_dir.join("pki");
    let request = NodePki::request(&dir, &node.node_name, node.node_ip)?;
    NodePki::keep(&dir, &ask(client, &request).await?)?;
    load(node)?.context("the certificates of this machine are gone")
}

fn load(node: &NodeSettings) -> anyhow::Result<Option<NodePki>> {
    NodePki::load(&node.data_dir.join("pki"), &node.node_name, node.node_ip)
}

async fn first_time(settings: &AgentSettings, dir: &Path) -> anyhow::Result<Cluster> {
    let servers = parse_servers(&settings.servers)?;
    let (false, Some(token)) = (servers.is_empty(), &settings.token) else {
        bail!(
            "{} has not joined a cluster yet: --server and --token are needed; \
             `skiff token create --print-join-command` on the server prints them",
            settings.node.node_name
        );
    };
    let token: JoinToken = token.parse()?;
    let (first, ca) = first_to_answer(&servers, &token).await?;
    let cluster = Cluster {
        servers: in_order(first, &servers),
        ca_pem: pem(&ca),
    };
    let client = client(&cluster, &json!({ "token": token.bearer() })).await?;
    let node = &settings.node;
    let request = NodePki::request(dir, &node.node_name, node.node_ip)?;
    NodePki::keep(dir, &ask(&client, &request).await?)?;
    Ok(cluster)
}

/// The cluster that was joined, which may have moved to another address since.
fn again(settings: &AgentSettings, file: &Path) -> anyhow::Result<Cluster> {
    let kubeconfig =
        Kubeconfig::read_from(file).with_context(|| format!("read {}", file.display()))?;
    let known = kubeconfig::cluster(&kubeconfig)?;
    let servers = parse_servers(&settings.servers)?;
    let Some(first) = servers.first() else {
        return Ok(known);
    };
    let servers = in_order(first, &servers);
    let cluster = Cluster { servers, ..known };
    keep_kubeconfig(&settings.node, &cluster)?;
    Ok(cluster)
}

/// The first server that answers, and its CA, which is that of the token.
///
/// # Errors
/// Those of the last one, if none does.
async fn first_to_answer<'a>(
    servers: &'a [Uri],
    token: &JoinToken,
) -> anyhow::Result<(&'a Uri, CertificateDer<'static>)> {
    let mut last = anyhow!("--server is needed");
    for server in servers {
        match fetch_ca(server, &token.ca_hash).await {
            Ok(ca) => return Ok((server, ca)),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// The servers as a kubeconfig has them, from one of them on.
fn in_order(first: &Uri, servers: &[Uri]) -> Vec<String> {
    let others = servers.iter().filter(|server| *server != first);
    let all = [first].into_iter().chain(others);
    all.map(|server| server.to_string().trim_end_matches('/').to_owned())
        .collect()
}

/// Keeps where the servers are, and what the machine shows to them.
pub(super) fn keep_kubeconfig(node: &NodeSettings, cluster: &Cluster) -> anyhow::Result<()> {
    let pki = load(node)?.context("the certificates of this machine are gone")?;
    let user = kubeconfig::by_certificate(&pki.client);
    let name = format!("system:node:{}", node.node_name);
    let text = kubeconfig::text(cluster, &name, &user)?;
    write_private(&node.data_dir.join(kubeconfig::NODE), &text)
}

fn parse_servers(texts: &[String]) -> anyhow::Result<Vec<Uri>> {
    texts.iter().map(|text| parse_server(text)).collect()
}

fn parse_server(text: &str) -> anyhow::Result<Uri> {
    let uri: Uri = text.parse().with_context(|| format!("--server {text}"))?;
    if uri.scheme_str() != Some("https") || uri.host().is_none() || uri.path() != "/" {
        bail!("--server {text}: must look like https://192.168.1.10:6443");
    }
    Ok(uri)
}

fn pem(certificate: &CertificateDer<'_>) -> String {
    use base64::Engine;
    let text = base64::engine::general_purpose::STANDARD.encode(certificate);
    let lines: Vec<&str> = (0..text.len())
        .step_by(64)
        .map(|start| &text[start..text.len().min(start + 64)])
        .collect();
    format!(
        "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
        lines.join("\n")
    )
}

async fn client(cluster: &Cluster, user: &Value) -> anyhow::Result<Client> {
    let kubeconfig = Kubeconfig::from_yaml(&kubeconfig::text(cluster, "bootstrap", user)?)?;
    let options = KubeConfigOptions::default();
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await?;
    Ok(Client::try_from(config)?)
}

async fn ask(client: &Client, request: &NodeRequest) -> anyhow::Result<NodeCertificates> {
    let request = Request::post(JOIN_PATH)
        .header(header::CONTENT_TYPE, "application/json")
        .body(serde_json::to_vec(request)?)?;
    match client.request(request).await {
        Err(kube::Error::Api(refused)) if refused.code == 401 => bail!(
            "the server does not take the token: it is wrong, was deleted or has expired; \
             `skiff token create` on the server makes a new one"
        ),
        Err(kube::Error::Api(refused)) => bail!("the server refused: {}", refused.message),
        answer => answer.context("ask the server for certificates"),
    }
}
