//! Every resource that discovery lists, and what becomes of its objects, by their metadata alone.

mod deletions;
mod discovery;
mod watch;

pub(crate) use deletions::Deletions;
pub(crate) use discovery::{Resource, discover};
pub(crate) use watch::{Meta, Seen, Watches};
