//! The nftables dataplane: one table, maps instead of a chain for each Service.
//!
//! ```text
//!   packet ─► services: (address, protocol, port) ─► turn_3_0: counts 0,1,2,0,… ─► endpoints: (…, count) ─► Pod
//!   Model ─► rules of each changed Service ─► Ledger: what differs in all ─► script ─► nft
//! ```
//!
//! A turn chain counts in the kernel. Services with as many endpoints share [`rules::TURNS`] of them, so that up to that
//! many Services each count for themselves. A Service with session affinity has chains of its own, which remember clients.

mod base;
mod empty;
mod items;
mod ledger;
mod load;
mod own;
mod rules;
mod script;
mod table;
#[cfg(test)]
mod tests;

use async_trait::async_trait;

pub(crate) use base::{Base, base_table};
pub(crate) use empty::remove_empty_tables;
pub(crate) use load::Loader;
pub(crate) use rules::{Side, beside_ipvs, redirecting};
pub(crate) use table::Table;

use crate::dataplane::{Dataplane, DataplaneError, Ranges};
use crate::host;
use crate::model::Model;

/// Services as maps of nftables.
pub(crate) struct Nftables(Table);

impl Nftables {
    pub(crate) fn new(ranges: &Ranges, loader: Loader) -> Self {
        let base = Base::Translating {
            drops_invalid: host::invalid_is_dropped(),
        };
        Self(Table::new(base_table(base, ranges), loader))
    }
}

#[async_trait]
impl Dataplane for Nftables {
    fn name(&self) -> &'static str {
        "nftables"
    }

    async fn apply(&mut self, model: &Model) -> Result<(), DataplaneError> {
        self.0.apply(model, rules::translating).await
    }

    fn forget(&mut self) {
        self.0.forget();
    }

    async fn remove(&mut self) -> Result<(), DataplaneError> {
        self.0.remove().await
    }
}
