//! The loop: something changed, bring the kernel to it.

use std::time::Duration;

use skiff_client::Informers;
use tokio::time::Instant;

use super::content::Content;
use super::script::{base, removal, script};
use super::watched::Watched;
use crate::dataplane::DataplaneError;
use crate::netfilter::{Monitor, Trouble};
use crate::nftables::Loader;

/// How long to wait after the kernel refused.
const RETRY: Duration = Duration::from_secs(5);
/// The least time between two repairs, as somebody else may take rules away again and again.
const REPAIR_PAUSE: Duration = Duration::from_secs(1);

/// Keeps the kernel true to the NetworkPolicies that concern Pods of `node`, for ever. The rules stay when it is dropped.
pub(crate) async fn run(informers: Informers, node: String, loader: Loader) {
    let mut watched = Watched::new(informers, node);
    let monitor = Monitor::open(loader.clone()).ok();
    let mut kernel = Kernel {
        loader,
        holds: Holds::Unknown,
    };
    loop {
        let wanted = watched.content().await;
        let again = match kernel.bring_to(wanted).await {
            Ok(()) => None,
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(error, "NetworkPolicies not applied, trying again");
                kernel.holds = Holds::Unknown;
                Some(Instant::now() + RETRY)
            }
        };
        // All arms are cancel-safe.
        tokio::select! {
            () = watched.changed() => {}
            () = tokio::time::sleep_until(again.unwrap_or_else(Instant::now)), if again.is_some() => {}
            () = rules_gone(monitor.as_ref()), if kernel.holds != Holds::Nothing => {
                tokio::time::sleep(REPAIR_PAUSE).await;
                kernel.holds = Holds::Unknown;
            }
        }
    }
}

async fn rules_gone(monitor: Option<&Monitor>) {
    if let Some(monitor) = monitor {
        loop {
            match monitor.trouble().await {
                Ok(Trouble::RulesGone) => return,
                Ok(Trouble::Forward) => {}
                Err(_) => break,
            }
        }
    }
    std::future::pending().await
}

/// What the kernel has.
#[derive(Debug, PartialEq, Eq)]
enum Holds {
    Unknown,
    Nothing,
    Policies(Content),
}

struct Kernel {
    loader: Loader,
    holds: Holds,
}

impl Kernel {
    /// Without policies there is no table.
    async fn bring_to(&mut self, wanted: Option<Content>) -> Result<(), DataplaneError> {
        let Some(wanted) = wanted else {
            if self.holds != Holds::Nothing {
                self.loader.nft(&removal()).await?;
                self.holds = Holds::Nothing;
            }
            return Ok(());
        };
        let text = match &self.holds {
            Holds::Policies(content) => script(content, &wanted),
            Holds::Unknown | Holds::Nothing => base() + &script(&Content::default(), &wanted),
        };
        if !text.is_empty() {
            self.loader.nft(&text).await?;
        }
        self.holds = Holds::Policies(wanted);
        Ok(())
    }
}
