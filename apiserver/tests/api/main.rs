//! The API server as its users see it: over a real store, by plain requests in the process and by kubectl over TLS.

mod admission;
mod admission_policies;
mod aggregation;
mod applying;
mod consistency;
mod conversion;
mod custom_resources;
mod deleting;
mod http_client;
mod identity;
mod kubectl;
mod listing;
mod overload;
mod pki;
mod policy;
mod protobuf;
mod proxying;
mod rbac;
mod services;
mod serving;
mod streams;
mod support;
mod upstream;
mod watching;
mod webhooks;
mod writing;
