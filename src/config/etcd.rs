//! Where the cluster's state is, if it is not in this machine's data directory.

use std::path::PathBuf;

use anyhow::{bail, ensure};

use super::UpOptions;

/// What is guessed by trying is too short.
const MIN_TOKEN_LETTERS: usize = 16;

/// An etcd that keeps the cluster's state, for several control planes.
#[derive(Clone, Debug)]
pub(crate) struct EtcdSettings {
    /// URLs, the preferred one first.
    pub(crate) servers: Vec<String>,
    pub(crate) cafile: Option<PathBuf>,
    pub(crate) certfile: Option<PathBuf>,
    pub(crate) keyfile: Option<PathBuf>,
    pub(crate) prefix: String,
    /// What the control planes of the cluster share; the data directory knows it after the first start.
    pub(crate) token: Option<String>,
}

/// Those of the options that are about etcd; `None` without `--etcd-servers`.
pub(super) fn settings(options: &UpOptions) -> anyhow::Result<Option<EtcdSettings>> {
    if options.etcd_servers.is_empty() {
        let given = [
            ("--etcd-cafile", options.etcd_cafile.is_some()),
            ("--etcd-certfile", options.etcd_certfile.is_some()),
            ("--etcd-keyfile", options.etcd_keyfile.is_some()),
            ("--etcd-prefix", options.etcd_prefix.is_some()),
            ("--token", options.token.is_some()),
        ];
        if let Some((flag, _)) = given.iter().find(|(_, is_given)| *is_given) {
            bail!("{flag}: is of no use without --etcd-servers");
        }
        return Ok(None);
    }
    let token = options.token.as_ref().map(|token| token.trim().to_owned());
    let letters = token.as_ref().map(|token| token.chars().count());
    ensure!(
        letters.is_none_or(|letters| letters >= MIN_TOKEN_LETTERS),
        "--token: must have at least {MIN_TOKEN_LETTERS} letters"
    );
    Ok(Some(EtcdSettings {
        servers: options.etcd_servers.clone(),
        cafile: options.etcd_cafile.clone(),
        certfile: options.etcd_certfile.clone(),
        keyfile: options.etcd_keyfile.clone(),
        prefix: options
            .etcd_prefix
            .clone()
            .unwrap_or_else(|| "/skiff".to_owned()),
        token,
    }))
}
