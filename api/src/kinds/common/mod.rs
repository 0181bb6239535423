//! What the kinds share: reading with paths, defaults, checks, cells, descriptors.

pub(super) mod cells;
pub(super) mod checks;
pub(super) mod defaults;
pub(super) mod describe;
pub(super) mod net;
pub(super) mod paths;
pub(super) mod quantities;
mod read;
mod same;
#[cfg(test)]
pub(super) mod testing;

pub(super) use read::Field;
pub(super) use same::same;
