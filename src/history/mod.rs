//! `skiff history` and `skiff restore`: what became of an object, and the way back.
//!
//! The API server's store is a log of revisions, and keeps a window of them. All of it can be read with the ordinary
//! API: a watch from the window's beginning tells the changes, an exact list the state at a revision.
//!
//! ```text
//!   KIND/NAME ──► resource ──► changes (watch) ──► diff ──► printed
//!                    └───────► state then, state now ──► plan ──► created, updated, deleted
//! ```

mod changes;
mod diff;
mod plan;
mod resource;
mod restore;
mod state;

use anyhow::ensure;
use serde_json::Value;

use self::changes::{Change, Deed};
use self::diff::diff;
use self::resource::Target;
use crate::cli::HistoryArgs;
use crate::kubeconfig;

pub(crate) use self::restore::restore;

/// Prints every change of an object that the window holds.
///
/// # Errors
/// If there is no such kind, or nothing is known of the object.
pub(crate) async fn history(args: HistoryArgs) -> anyhow::Result<()> {
    let client = skiff_client::from_kubeconfig(&kubeconfig::of(&args.at.data_dir), "skiff").await?;
    let target = Target::find(&client, &args.object, &args.namespace).await?;
    let known = changes::of(&client, &target).await?;
    ensure!(
        known.before.is_some() || !known.changes.is_empty(),
        "{target} is not known since revision {}, the oldest that is kept",
        known.oldest
    );
    say!("{target}, since revision {}", known.oldest);
    let mut before = known.before;
    for change in known.changes {
        print(&change, before.as_ref());
        before = match change.deed {
            Deed::Deleted => None,
            Deed::Created | Deed::Changed => Some(change.object),
        };
    }
    Ok(())
}

fn print(change: &Change, before: Option<&Value>) {
    say!("\n{}", change.headline());
    if let (Deed::Changed, Some(before)) = (change.deed, before) {
        for line in diff(before, &change.object) {
            say!("  {line}");
        }
    }
}
