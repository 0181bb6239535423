//! The token that the control planes of a cluster share: it seals what they keep in etcd for each other alone.

use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, bail, ensure};
use skiff_store::Store;

use super::format::letters;
use crate::data_dir::DataDir;
use crate::pki::{self, write_private};

/// The file with it, in the data directory of a machine whose cluster is in etcd.
pub(crate) const FILE: &str = "control-plane-token";
const LETTERS: usize = 32;

/// Makes the machine one of the cluster's control planes: by the token that is given, or known since its first start. The
/// first of the cluster needs none.
///
/// # Errors
/// When a token is missing, or is that of another cluster.
pub(crate) async fn join(store: &Store, data: &DataDir, given: Option<&str>) -> anyhow::Result<()> {
    let file = data.join(FILE);
    let known = read(&file)?;
    let is_shared = pki::is_shared(store);
    let token = match given.map(str::to_owned).or_else(|| known.clone()) {
        Some(token) => token,
        None => {
            ensure!(
                !is_shared,
                "--token is needed: the cluster in etcd has a control plane, where `skiff token control-plane` prints it"
            );
            letters(LETTERS)
        }
    };
    // What is sealed by a token that nobody knows is lost.
    if !is_shared {
        write_private(&file, &token)?;
    }
    pki::share(store, &data.join("pki"), &token).await?;
    match is_shared && known.as_ref() != Some(&token) {
        true => write_private(&file, &token),
        false => Ok(()),
    }
}

/// Prints it.
pub(crate) fn print(data_dir: &Path) -> anyhow::Result<()> {
    let Some(token) = read(&data_dir.join(FILE))? else {
        bail!(
            "{} is not of a cluster that was started with --etcd-servers: it has one control plane alone",
            data_dir.display()
        );
    };
    say!("{token}");
    Ok(())
}

fn read(file: &Path) -> anyhow::Result<Option<String>> {
    match std::fs::read_to_string(file) {
        Ok(text) => Ok(Some(text.trim().to_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("read {}", file.display())),
    }
}
