//! Registry mirrors.

use std::str::FromStr;

use anyhow::{bail, ensure};
use serde::Deserialize;

/// Where to pull the images of a registry from.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Mirror {
    /// The registry's name in image references, such as `docker.io`.
    pub(crate) registry: String,
    /// The mirror, `http://` or `https://`.
    pub(crate) url: String,
}

impl FromStr for Mirror {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let Some((registry, url)) = text.split_once('=') else {
            bail!("{text:?} must be NAME=URL")
        };
        ensure!(
            !registry.is_empty() && !registry.contains('/'),
            "{registry:?} must be a registry such as docker.io"
        );
        ensure!(
            url.starts_with("http://") || url.starts_with("https://"),
            "{url:?} must start with http:// or https://"
        );
        Ok(Self {
            registry: registry.to_owned(),
            url: url.to_owned(),
        })
    }
}

impl TryFrom<String> for Mirror {
    type Error = anyhow::Error;

    fn try_from(text: String) -> anyhow::Result<Self> {
        text.parse()
    }
}
