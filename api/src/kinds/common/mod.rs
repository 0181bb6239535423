//! What the kinds share: reading with paths, defaults, checks, cells, descriptors.

pub(super) mod cells;
pub(super) mod checks;
pub(super) mod defaults;
pub(super) mod describe;
pub(super) mod quantities;
mod read;
#[cfg(test)]
pub(super) mod testing;

pub(super) use read::Field;
