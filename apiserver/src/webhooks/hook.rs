//! One webhook, ready to be called.

use std::time::Duration;

use skiff_api::Selector;

use super::rule::Rule;
use crate::remote::Remote;

/// One webhook, ready to be called.
pub(super) struct Hook {
    /// By which refusals and failures name it.
    pub(super) name: String,
    pub(super) rules: Vec<Rule>,
    pub(super) namespaces: Selector,
    pub(super) objects: Selector,
    /// Whether a request goes on when the webhook cannot be asked.
    pub(super) ignores_failure: bool,
    /// Whether it may be asked about what is not to be stored.
    pub(super) takes_dry_runs: bool,
    /// Whether it wants to see what others changed after it.
    pub(super) reinvoked: bool,
    pub(super) timeout: Duration,
    /// `v1` or `v1beta1`.
    pub(super) review_version: &'static str,
    /// Where it is, with the time that it has.
    pub(super) url: String,
    pub(super) remote: Remote,
}
