//! Every resource that discovery lists, and what becomes of its objects, by their metadata alone.

mod deletions;
mod discovery;
mod meta;
mod watch;

pub(crate) use deletions::Deletions;
pub(crate) use discovery::{Resource, discover, resource_of};
pub(crate) use meta::Meta;
pub(crate) use watch::{Seen, Watches};
