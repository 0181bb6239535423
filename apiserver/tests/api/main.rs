//! The API server as its users see it: over a real store, by kube-rs in the process and by kubectl over TLS.

mod kubectl;
mod pki;
mod support;
