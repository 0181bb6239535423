//! NetworkPolicies in the kernel: a table of nftables beside that of Services, whatever the mode of those.
//!
//! ```text
//!   NetworkPolicies ─┐
//!   Pods ────────────┼─► Content (pure): sets of addresses, a chain for Pods with the same policies ─► script ─► nft
//!   Namespaces ──────┘
//! ```
//!
//! Packets are judged on their way out of the node, after all translation: by the Pod that sent them and by the Pod that
//! gets them, where these are of this node. The node and its own Pods always reach each other, so that probes work.

mod content;
mod run;
mod script;
mod selected;
#[cfg(test)]
mod tests;
mod watched;

pub(crate) use run::run;
pub(crate) use script::removal;
