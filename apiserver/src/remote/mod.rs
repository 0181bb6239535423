//! Other servers that answer for this one: webhooks, and the API servers of further groups.
//!
//! In: a request, and where its server is: a URL, or a Service of the cluster, of which a ready endpoint is picked for
//! each new connection. Out: the answer, or why there is none, worded as users of Kubernetes know it. Connections are
//! kept for the next request.

mod client;
mod dial;
mod trust;
mod verify;
mod webhook;
mod words;

pub(crate) use client::{Remote, Remotes};
pub(crate) use dial::{Missing, ServicePort, endpoints_of};
pub(crate) use trust::Trust;
pub(crate) use webhook::{ClientConfig, Unusable, Webhook};
