//! Which dataplane serves.

use crate::config::{DEFAULT_SCHEDULER, Mode, Settings};
use crate::dataplane::{Dataplane, DataplaneError, Ranges};
use crate::iptables::Iptables;
use crate::ipvs::Ipvs;
use crate::nftables::{Loader, Nftables, Table};
use crate::userspace::Userspace;

/// A dataplane, and what the user must know if it is not the one that was asked for.
pub(crate) struct Chosen {
    pub(crate) dataplane: Box<dyn Dataplane>,
    pub(crate) instead: Option<String>,
}

/// The dataplane of a configuration. Without IPVS in the kernel an explicit `ipvs` is iptables, as in kube-proxy.
///
/// # Errors
/// If the host lacks what the mode needs.
pub(crate) async fn choose(
    settings: &Settings,
    ranges: &Ranges,
    loader: &Loader,
) -> Result<Chosen, DataplaneError> {
    let ipvs = || Ipvs::open(ranges.clone(), settings.scheduler.clone(), loader.clone());
    let iptables = || Iptables::new(ranges.clone(), loader.clone());
    let mut instead = None;
    let dataplane: Box<dyn Dataplane> = match settings.mode {
        Mode::Nftables => Box::new(Nftables::new(ranges, loader.clone())),
        Mode::Userspace => Box::new(Userspace::new(ranges, loader.clone())),
        Mode::Iptables => Box::new(iptables()?),
        Mode::Ipvs => match ipvs().await {
            Ok(ipvs) => {
                instead = another_scheduler(&ipvs, settings);
                Box::new(ipvs)
            }
            Err(why) => {
                tracing::warn!(
                    error = &why as &dyn std::error::Error,
                    "no IPVS, iptables instead"
                );
                instead = Some(
                    "Can't use the IPVS proxier: the kernel has no IPVS (modules ip_vs, ip_vs_rr); falling back to iptables"
                        .to_owned(),
                );
                Box::new(iptables()?)
            }
        },
        Mode::Auto => match ipvs().await {
            Ok(ipvs) => {
                instead = another_scheduler(&ipvs, settings);
                Box::new(ipvs)
            }
            Err(why) => {
                tracing::debug!(
                    error = &why as &dyn std::error::Error,
                    "no IPVS, nftables instead"
                );
                Box::new(Nftables::new(ranges, loader.clone()))
            }
        },
    };
    Ok(Chosen { dataplane, instead })
}

/// What to tell when the kernel lacks the scheduler that was asked for.
fn another_scheduler(ipvs: &Ipvs, settings: &Settings) -> Option<String> {
    let (wanted, has) = (&settings.scheduler, ipvs.scheduler());
    if wanted == has {
        return None;
    }
    tracing::warn!(wanted, instead = has, "no such scheduler of IPVS");
    Some(format!(
        "Can't use the IPVS scheduler {wanted}: the kernel does not have it (module ip_vs_{wanted}); falling back to {has}"
    ))
}

/// Takes away what an earlier skiff left of other modes than `name`.
///
/// # Errors
/// The first thing that cannot be taken away, after all others were.
pub(crate) async fn remove_others(
    name: &str,
    ranges: &Ranges,
    loader: &Loader,
) -> Result<(), DataplaneError> {
    let mut left: Vec<Box<dyn Dataplane>> = Vec::new();
    if name != "ipvs" && Ipvs::is_in_use() {
        let scheduler = DEFAULT_SCHEDULER.to_owned();
        let ipvs = Ipvs::open(ranges.clone(), scheduler, loader.clone()).await?;
        left.push(Box::new(ipvs));
    }
    if name != "iptables"
        && let Some(iptables) = Iptables::left_over(ranges, loader.clone()).await
    {
        left.push(Box::new(iptables));
    }
    let mut outcome = Ok(());
    for mut dataplane in left {
        outcome = outcome.and(dataplane.remove().await);
    }
    // The other modes replace the table.
    if matches!(name, "iptables" | "") {
        outcome = outcome.and(Table::new(String::new(), loader.clone()).remove().await);
    }
    outcome
}
