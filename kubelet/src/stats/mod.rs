//! What the node and its containers use, looked at when somebody asks.
//!
//! ```text
//!   /proc, containerd ──► Sample (totals) ──► Sampler: two of them make rates ──► server: /stats/summary, /metrics/…
//! ```

mod host;
mod sample;
mod sampler;

pub(crate) use host::CpuTotal;
pub(crate) use sample::{ContainerSample, Sample};
pub(crate) use sampler::{Rates, Sampler};
