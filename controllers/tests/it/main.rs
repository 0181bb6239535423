//! The controllers over a real API server and store in this process; only the scheduler and the kubelets are played.

mod cluster;
mod daemons;
mod garbage;
mod jobs;
mod namespaces;
mod nodes;
mod services;
mod workloads;
