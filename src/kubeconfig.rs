//! The administrator's kubeconfig.

use std::path::Path;

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::config::Settings;
use crate::pki::{Pki, write_private};

/// Writes the kubeconfig of the cluster's administrator.
pub(crate) fn write(settings: &Settings, pki: &Pki) -> anyhow::Result<()> {
    let server = format!(
        "https://{}",
        std::net::SocketAddr::new(settings.api_host(), settings.bind.port())
    );
    let yaml =
        serde_norway::to_string(&kubeconfig(&server, pki)).context("encode the kubeconfig")?;
    write_private(&settings.kubeconfig, &yaml)?;
    let own = settings.node.data_dir.join("kubeconfig");
    // `skiff status` and `skiff kubeconfig` find it there wherever the user wanted a copy.
    if own == settings.kubeconfig {
        Ok(())
    } else {
        write_private(&own, &yaml)
    }
}

/// Prints it.
pub(crate) fn print(data_dir: &Path) -> anyhow::Result<()> {
    let file = data_dir.join("kubeconfig");
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

fn kubeconfig(server: &str, pki: &Pki) -> serde_json::Value {
    let encoded = |pem: &str| STANDARD.encode(pem);
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{ "name": "skiff", "cluster": {
            "server": server,
            "certificate-authority-data": encoded(&pki.ca_pem),
        } }],
        "users": [{ "name": "skiff-admin", "user": {
            "client-certificate-data": encoded(&pki.admin.cert_pem),
            "client-key-data": encoded(&pki.admin.key_pem),
        } }],
        "contexts": [{ "name": "skiff", "context": { "cluster": "skiff", "user": "skiff-admin" } }],
        "current-context": "skiff",
    })
}
