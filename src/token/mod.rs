//! `skiff token`: the tokens by which machines join, kept as bootstrap token Secrets in `kube-system`
//! (<https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/>).

pub(crate) mod control_plane;
mod format;

use std::collections::BTreeMap;

use anyhow::{Context, ensure};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{DeleteParams, ListParams, PostParams};
use kube::config::Kubeconfig;
use kube::{Api, Client, ResourceExt};
use serde_json::json;

pub(crate) use format::{JoinToken, ca_hash};

use crate::cli::{TokenArgs, TokenCommand};
use crate::kubeconfig;

const NAMESPACE: &str = "kube-system";
const TYPE: &str = "bootstrap.kubernetes.io/token";
const NAME_PREFIX: &str = "bootstrap-token-";

/// Makes, lists or deletes tokens of the cluster that runs on this machine.
pub(crate) async fn token(args: TokenArgs) -> anyhow::Result<()> {
    let file = args.at.data_dir.join(kubeconfig::ADMIN);
    let secrets = async || {
        let client = skiff_client::from_kubeconfig(&file, "skiff").await?;
        anyhow::Ok(Api::<Secret>::namespaced(client, NAMESPACE))
    };
    match args.command {
        TokenCommand::Create {
            ttl,
            description,
            print_join_command,
        } => {
            let cluster = kubeconfig::cluster(&Kubeconfig::read_from(&file)?)?;
            let token = JoinToken::new(&cluster.ca_pem)?;
            let secrets = secrets().await?;
            create(&secrets, &token, ttl, description).await?;
            match print_join_command {
                true => say!(
                    "skiff agent --server {} --token {token}",
                    servers(secrets.into_client()).await?
                ),
                false => say!("{token}"),
            }
            Ok(())
        }
        TokenCommand::List => list(&secrets().await?).await,
        TokenCommand::ControlPlane => control_plane::print(&args.at.data_dir),
        TokenCommand::Delete { ids } => delete(&secrets().await?, &ids).await,
    }
}

async fn create(
    secrets: &Api<Secret>,
    token: &JoinToken,
    ttl: SignedDuration,
    description: Option<String>,
) -> anyhow::Result<()> {
    ensure!(!ttl.is_negative(), "--ttl {ttl:#}: must not be negative");
    let mut data = BTreeMap::from([
        ("token-id".to_owned(), token.id.clone()),
        ("token-secret".to_owned(), token.secret.clone()),
        (
            "usage-bootstrap-authentication".to_owned(),
            "true".to_owned(),
        ),
    ]);
    // As kubeadm has it: 0 is for ever.
    if !ttl.is_zero() {
        let end = Timestamp::now().checked_add(ttl).context("--ttl")?;
        data.insert("expiration".to_owned(), format!("{end:.0}"));
    }
    data.extend(description.map(|text| ("description".to_owned(), text)));
    let secret = serde_json::from_value(json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": { "name": format!("{NAME_PREFIX}{}", token.id), "namespace": NAMESPACE },
        "type": TYPE,
        "stringData": data,
    }))?;
    let created = secrets.create(&PostParams::default(), &secret).await;
    created.context("keep the token")?;
    Ok(())
}

async fn list(secrets: &Api<Secret>) -> anyhow::Result<()> {
    let tokens = ListParams::default().fields(&format!("type={TYPE}"));
    say!("{:<8} {:<24} DESCRIPTION", "ID", "EXPIRES");
    for secret in secrets.list(&tokens).await.context("list the tokens")? {
        let field = |name: &str| {
            let value: Option<&ByteString> = secret.data.as_ref().and_then(|data| data.get(name));
            value.map(|value| String::from_utf8_lossy(&value.0).into_owned())
        };
        say!(
            "{:<8} {:<24} {}",
            field("token-id").unwrap_or_else(|| secret.name_any()),
            field("expiration").unwrap_or_else(|| "never".to_owned()),
            field("description").unwrap_or_default()
        );
    }
    Ok(())
}

async fn delete(secrets: &Api<Secret>, ids: &[String]) -> anyhow::Result<()> {
    for given in ids {
        let id = match given.parse::<JoinToken>() {
            Ok(token) => token.id,
            Err(_) => given.clone(),
        };
        let name = format!("{NAME_PREFIX}{id}");
        secrets
            .delete(&name, &DeleteParams::default())
            .await
            .with_context(|| format!("delete the token {id}"))?;
        say!("token {id} deleted");
    }
    Ok(())
}

/// Where other machines reach the API servers: the endpoints of the `kubernetes` Service.
async fn servers(client: Client) -> anyhow::Result<String> {
    let slices: Api<k8s_openapi::api::discovery::v1::EndpointSlice> =
        Api::namespaced(client, "default");
    let slice = slices
        .get("kubernetes")
        .await
        .context("find the API server")?;
    let endpoints = slice.endpoints.iter().flatten();
    let addresses = endpoints.flat_map(|one| &one.addresses);
    let port = slice.ports.iter().flatten().find_map(|port| port.port);
    let port = port.context("the kubernetes Service has no port")?;
    let servers: Vec<String> = addresses
        .map(|address| format!("https://{address}:{port}"))
        .collect();
    ensure!(
        !servers.is_empty(),
        "the kubernetes Service has no endpoint"
    );
    Ok(servers.join(","))
}
