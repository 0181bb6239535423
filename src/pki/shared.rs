//! The authorities that all control planes of a cluster share: they are in the store that these share as well, sealed by a
//! token, and in the files of each.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, ensure};
use skiff_store::{Batch, CommitError, Key, Store, Value};
use tokio::task::spawn_blocking;

use super::authority::Authority;
use super::files::Files;
use super::{AUTHORITIES, SERVICE_ACCOUNT, sealed, service_account_key};

/// Where they are in the store. The API does not show it.
const PLACE: &str = "/bootstrap/authorities";

/// Keys and certificates in PEM, by the names of their files.
type Texts = BTreeMap<String, String>;

/// Whether a control plane has put them into the store.
pub(crate) fn is_shared(store: &Store) -> bool {
    store.snapshot().get(PLACE).is_some()
}

/// Takes the cluster's authorities from the store into the files of `dir`. Whoever is the first makes them, and puts them
/// into the store, so machines that start together agree.
///
/// # Errors
/// When they were sealed by another token, or `dir` has those of another cluster.
pub(crate) async fn share(store: &Store, dir: &Path, token: &str) -> anyhow::Result<()> {
    let files = Files::open(dir)?;
    let known = known(&files)?;
    let sealed = match store.snapshot().get(PLACE) {
        Some(entry) => entry.value.to_vec(),
        None => {
            let texts = if known.is_empty() {
                fresh()?
            } else {
                known.clone()
            };
            offer(store, &texts, token).await?
        }
    };
    let token = token.to_owned();
    let opened = spawn_blocking(move || sealed::open(&sealed, &token)).await??;
    let opened = opened.context(
        "--token is not that of the cluster in etcd: `skiff token control-plane` prints it on a machine that has it",
    )?;
    let texts: Texts = serde_json::from_str(&opened).context("read the cluster's authorities")?;
    ensure!(
        known
            .iter()
            .all(|(file, text)| texts.get(file) == Some(text)),
        "{} has the keys of another cluster than the one in etcd",
        dir.display()
    );
    for (file, text) in texts.iter().filter(|(file, _)| !known.contains_key(*file)) {
        files.write(file, text)?;
    }
    Ok(())
}

/// Puts them into the store, unless another control plane was faster. Returns what stands there, sealed.
async fn offer(store: &Store, texts: &Texts, token: &str) -> anyhow::Result<Vec<u8>> {
    let (text, token) = (serde_json::to_string(texts)?, token.to_owned());
    let sealed = spawn_blocking(move || sealed::seal(&text, &token)).await??;
    let place = Key::new(PLACE).context("the place of the authorities")?;
    let value = Value::plain(sealed.clone());
    match store.commit(Batch::create(place, value)).await {
        Ok(_) => Ok(sealed),
        Err(CommitError::Precondition {
            current: Some(entry),
            ..
        }) => Ok(entry.value.to_vec()),
        Err(error) => Err(error).context("keep the cluster's authorities"),
    }
}

fn names() -> impl Iterator<Item = String> {
    let authorities = AUTHORITIES.into_iter();
    let authorities =
        authorities.flat_map(|(file, _)| [format!("{file}.key"), format!("{file}.crt")]);
    authorities.chain([format!("{SERVICE_ACCOUNT}.key")])
}

/// Those that the machine has.
fn known(files: &Files) -> anyhow::Result<Texts> {
    let mut texts = Texts::new();
    for file in names() {
        if let Some(text) = files.read(&file)? {
            texts.insert(file, text);
        }
    }
    Ok(texts)
}

fn fresh() -> anyhow::Result<Texts> {
    let mut texts = Texts::new();
    for (file, name) in AUTHORITIES {
        let made = Authority::fresh(name)?;
        texts.insert(format!("{file}.key"), made.key_pem);
        texts.insert(format!("{file}.crt"), made.cert_pem);
    }
    texts.insert(format!("{SERVICE_ACCOUNT}.key"), service_account_key()?);
    Ok(texts)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use skiff_store::{Options, SledEngine, SledOptions};

    use super::*;

    const TOKEN: &str = "a token of some letters";

    struct Scratch(PathBuf);

    impl Scratch {
        fn new() -> Self {
            let name = format!("skiff-shared-{}", std::process::id());
            Self(std::env::temp_dir().join(name))
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[tokio::test]
    async fn machines_that_start_together_agree() {
        let scratch = Scratch::new();
        let machine = |name: &str| scratch.0.join(name);
        let engine = SledEngine::open(&machine("store"), SledOptions::default()).expect("opened");
        let store = Store::open(Box::new(engine), Options::default()).expect("opened");
        assert!(!is_shared(&store));
        let (first, second) = (machine("a"), machine("b"));
        let (one, other) =
            tokio::join!(share(&store, &first, TOKEN), share(&store, &second, TOKEN));
        one.and(other).expect("they agree");
        assert!(is_shared(&store));
        let texts = |dir: &Path| known(&Files::open(dir).expect("a folder")).expect("read");
        assert_eq!(texts(&first).len(), 5);
        assert_eq!(texts(&first), texts(&second));

        share(&store, &first, TOKEN)
            .await
            .expect("at a later start");
        let stranger = machine("c");
        let error = share(&store, &stranger, "another one of letters").await;
        let error = error.expect_err("another token").to_string();
        assert!(error.starts_with("--token is not that of"), "{error}");
        assert!(texts(&stranger).is_empty(), "nothing was written");
        let files = Files::open(&stranger).expect("a folder");
        files
            .write("ca.key", "of another cluster")
            .expect("written");
        let error = share(&store, &stranger, TOKEN).await;
        let error = error.expect_err("another cluster").to_string();
        assert!(error.ends_with("than the one in etcd"), "{error}");
    }
}
