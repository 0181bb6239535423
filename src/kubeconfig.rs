//! Kubeconfigs: the administrator's, and that of a machine that joined.

use std::path::{Path, PathBuf};

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kube::config::Kubeconfig;
use serde_json::{Value, json};

use crate::config::Settings;
use crate::pki::{Identity, Pki, write_private};

/// The administrator's, in the data directory of a control plane.
pub(crate) const ADMIN: &str = "kubeconfig";
/// Where the administrator's was written as well, if that is not the data directory.
const COPY: &str = "kubeconfig-copy";
/// The node's own, in the data directory of a machine that joined.
pub(crate) const NODE: &str = "kubelet.kubeconfig";

/// The name of the cluster in kubeconfigs of skiff's; its further API servers are clusters `skiff-2` and so on there.
const NAME: &str = "skiff";

/// API servers, and the CA that they are believed by.
#[derive(Clone)]
pub(crate) struct Cluster {
    /// Such as `https://192.168.1.10:6443`, at least one, the preferred one first.
    pub(crate) servers: Vec<String>,
    pub(crate) ca_pem: String,
}

/// Writes the kubeconfig of the cluster's administrator.
pub(crate) fn write(settings: &Settings, pki: &Pki) -> anyhow::Result<()> {
    let address = std::net::SocketAddr::new(settings.api_host(), settings.bind.port());
    let cluster = Cluster {
        servers: vec![format!("https://{address}")],
        ca_pem: pki.ca_pem.clone(),
    };
    let yaml = text(&cluster, "skiff-admin", &by_certificate(&pki.admin()))?;
    write_private(&settings.kubeconfig, &yaml)?;
    let data_dir = &settings.node.data_dir;
    let own = data_dir.join(ADMIN);
    // `skiff status` and `skiff kubeconfig` find it there wherever the user wanted a copy.
    if own == settings.kubeconfig {
        return Ok(());
    }
    write_private(&own, &yaml)?;
    let path = settings.kubeconfig.to_string_lossy();
    write_private(&data_dir.join(COPY), &path)
}

/// Removes the copy that a user wanted elsewhere, unless it was changed since: then it is the user's.
pub(crate) fn remove_copy(data_dir: &Path) -> anyhow::Result<()> {
    let read = |path: &Path| std::fs::read_to_string(path).ok();
    let Some(copy) = read(&data_dir.join(COPY)).map(PathBuf::from) else {
        return Ok(());
    };
    match read(&copy) {
        Some(text) if Some(&text) == read(&data_dir.join(ADMIN)).as_ref() => {
            std::fs::remove_file(&copy).with_context(|| format!("remove {}", copy.display()))
        }
        _ => Ok(()),
    }
}

/// The one that there is in a data directory.
pub(crate) fn of(data_dir: &Path) -> PathBuf {
    let node = data_dir.join(NODE);
    match node.exists() {
        true => node,
        false => data_dir.join(ADMIN),
    }
}

/// Prints it.
pub(crate) fn print(data_dir: &Path) -> anyhow::Result<()> {
    let file = of(data_dir);
    let text = std::fs::read_to_string(&file).with_context(|| {
        format!(
            "read {}; has `skiff up --data-dir {}` run?",
            file.display(),
            data_dir.display()
        )
    })?;
    print!("{text}");
    Ok(())
}

/// The cluster that a kubeconfig of skiff's leads to.
pub(crate) fn cluster(kubeconfig: &Kubeconfig) -> anyhow::Result<Cluster> {
    let clusters = || {
        kubeconfig
            .clusters
            .iter()
            .filter_map(|it| it.cluster.as_ref())
    };
    let cluster = clusters().next();
    let cluster = cluster.context("the kubeconfig names no cluster")?;
    let ca = cluster.certificate_authority_data.as_ref();
    let ca = STANDARD.decode(ca.context("the kubeconfig has no CA")?)?;
    Ok(Cluster {
        servers: clusters().filter_map(|it| it.server.clone()).collect(),
        ca_pem: String::from_utf8(ca)?,
    })
}

/// A user who shows a certificate.
pub(crate) fn by_certificate(identity: &Identity) -> Value {
    json!({
        "client-certificate-data": STANDARD.encode(&identity.cert_pem),
        "client-key-data": STANDARD.encode(&identity.key_pem),
    })
}

/// The text of a kubeconfig with one cluster, by all its API servers, and one user.
pub(crate) fn text(cluster: &Cluster, name: &str, user: &Value) -> anyhow::Result<String> {
    let ca = STANDARD.encode(&cluster.ca_pem);
    let entry = |(at, server): (usize, &String)| {
        let name = match at {
            0 => NAME.to_owned(),
            at => format!("{NAME}-{}", at + 1),
        };
        json!({ "name": name, "cluster": { "server": server, "certificate-authority-data": ca } })
    };
    let clusters: Vec<Value> = cluster.servers.iter().enumerate().map(entry).collect();
    let yaml = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": clusters,
        "users": [{ "name": name, "user": user }],
        "contexts": [{ "name": NAME, "context": { "cluster": NAME, "user": name } }],
        "current-context": NAME,
    });
    serde_norway::to_string(&yaml).context("encode the kubeconfig")
}
