//! One webhook, ready to be called.

use skiff_api::Selector;
use skiff_api::policies::Conditions;

use crate::matching::Rules;
use crate::remote::Webhook;

/// One webhook, ready to be called.
pub(super) struct Hook {
    /// By which refusals and failures name it.
    pub(super) name: String,
    pub(super) rules: Rules,
    pub(super) namespaces: Selector,
    pub(super) objects: Selector,
    /// What else a request must be like; or why that cannot be told.
    pub(super) conditions: Result<Conditions, String>,
    /// Whether a request goes on when the webhook cannot be asked.
    pub(super) ignores_failure: bool,
    /// Whether it may be asked about what is not to be stored.
    pub(super) takes_dry_runs: bool,
    /// Whether it wants to see what others changed after it.
    pub(super) reinvoked: bool,
    /// `v1` or `v1beta1`.
    pub(super) review_version: &'static str,
    /// Where it is asked.
    pub(super) webhook: Webhook,
}
