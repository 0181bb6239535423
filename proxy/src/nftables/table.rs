//! The table `skiff`, kept equal to a model.

use super::items::Rules;
use super::ledger::Ledger;
use super::load::Loader;
use super::script::{elements_alone, script};
use crate::dataplane::DataplaneError;
use crate::model::{Model, ServicePort};
use crate::netfilter::{Element, Elements};

/// The table's name.
pub(crate) const TABLE: &str = "skiff";

/// A table and what of it is known to be in the kernel.
pub(crate) struct Table {
    base: String,
    loader: Loader,
    ledger: Ledger,
    /// For changes of elements alone; opened when the first comes.
    elements: Option<Elements>,
    /// What the kernel holds; nothing is known after a failure and at the start.
    applied: Option<Model>,
}

impl Table {
    /// A table that is `base` before any Service.
    pub(crate) fn new(base: String, loader: Loader) -> Self {
        Self {
            base,
            loader,
            ledger: Ledger::default(),
            elements: None,
            applied: None,
        }
    }

    /// Brings the table to `model`; `rules` says what a Service's ports are in it.
    pub(crate) async fn apply(
        &mut self,
        model: &Model,
        rules: impl Fn(&[ServicePort]) -> Rules,
    ) -> Result<(), DataplaneError> {
        let (applied, base) = match self.applied.take() {
            Some(applied) => (applied, ""),
            None => {
                self.ledger = Ledger::default();
                (Model::default(), self.base.as_str())
            }
        };
        let changes = model.changes_since(&applied).into_iter();
        let steps = changes.map(|change| (rules(change.old), rules(change.new)));
        let difference = self.ledger.step(steps);
        match elements_alone(&difference).filter(|_| base.is_empty()) {
            Some(elements) => self.change(&elements).await?,
            None => {
                let text = format!("{base}{}", script(TABLE, &difference));
                self.loader.nft(&text).await?;
            }
        }
        self.applied = Some(model.clone());
        Ok(())
    }

    async fn change(&mut self, elements: &[Element]) -> Result<(), DataplaneError> {
        if elements.is_empty() {
            return Ok(());
        }
        let changed = async {
            let kernel = match self.elements.take() {
                Some(kernel) => kernel,
                None => Elements::open()?,
            };
            kernel.change(TABLE, elements).await?;
            // Only after a success nothing is left unread.
            self.elements = Some(kernel);
            Ok(())
        };
        changed.await.map_err(|source| DataplaneError::Kernel {
            what: "elements of nftables".to_owned(),
            source,
        })
    }

    /// The next time everything is loaded anew.
    pub(crate) fn forget(&mut self) {
        self.applied = None;
    }

    /// Takes the table out of the kernel.
    pub(crate) async fn remove(&mut self) -> Result<(), DataplaneError> {
        self.forget();
        // Declared first, for what is not there cannot be deleted.
        let text = format!("table ip {TABLE}\ndelete table ip {TABLE}\n");
        self.loader.nft(&text).await
    }
}
