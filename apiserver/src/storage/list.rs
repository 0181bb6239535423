//! Many objects, as they were at one revision.

use jiff::Timestamp;
use skiff_api::{ContinueToken, Status};
use skiff_store::{Entry, Revision, Snapshot};

use super::{Filter, Storage};
use crate::request::{ListOptions, VersionMatch};

const CONTINUE_TOO_OLD: &str = "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.";
const VERSION_TOO_OLD: &str = "The resourceVersion for the provided list is too old.";

/// A page of a list.
pub(crate) struct Listing {
    /// The revision that all pages of the list are of.
    pub(crate) revision: Revision,
    pub(crate) entries: Vec<Entry>,
    /// The token for the next page.
    pub(crate) next: Option<String>,
    /// How many items follow, where that is known.
    pub(crate) remaining: Option<usize>,
}

impl Storage {
    /// The objects of a namespace (of all, if it is empty) that the filter lets through.
    pub(crate) async fn list(
        &self,
        namespace: &str,
        options: &ListOptions,
        filter: &Filter,
    ) -> Result<Listing, Status> {
        let page = options
            .continue_token
            .as_deref()
            .map(ContinueToken::decode)
            .transpose()?;
        let snapshot = self.snapshot_for(options, page.as_ref()).await?;
        let prefix = self.prefix_of(namespace);
        let after = page.map(|page| format!("{}{}", self.prefix, page.after()));
        let mut entries: Vec<Entry> = Vec::new();
        let mut rest = snapshot.range(&prefix, after.as_deref()).peekable();
        let is_plain = self.versions.is_plain();
        loop {
            let room = match options.limit {
                0 => usize::MAX,
                limit => limit - entries.len(),
            };
            // What is not shown as it is stored is selected by what is shown.
            let matching = rest
                .by_ref()
                .filter(|entry| !is_plain || filter.matches(entry));
            let found: Vec<Entry> = matching.take(room).cloned().collect();
            if found.is_empty() {
                break;
            }
            let mut shown = self.versions.shown(found).await?;
            shown.retain(|entry| is_plain || filter.matches(entry));
            entries.append(&mut shown);
        }
        let more = rest.peek().is_some();
        let last = entries
            .last()
            .map_or("", |entry| &entry.key[self.prefix.len()..]);
        Ok(Listing {
            revision: snapshot.revision(),
            next: (more && !last.is_empty()).then(|| {
                ContinueToken::new(snapshot.revision().0, last, Timestamp::now()).encode()
            }),
            remaining: (more && filter.is_everything()).then(|| rest.count()),
            entries,
        })
    }

    async fn snapshot_for(
        &self,
        options: &ListOptions,
        page: Option<&ContinueToken>,
    ) -> Result<Snapshot, Status> {
        let store = &self.objects.store;
        if let Some(page) = page {
            return match page.revision() {
                Some(_) if page.has_expired(Timestamp::now()) => Err(page_expired(page)),
                Some(revision) => {
                    // Another server may have begun the list.
                    self.as_new_as(Some(revision)).await?;
                    store
                        .snapshot_at(Revision(revision))
                        .map_err(|_| page_expired(page))
                }
                None => self.as_new_as(None).await,
            };
        }
        let snapshot = self.as_new_as(options.resource_version).await?;
        let Some(wanted) = options.resource_version.filter(|wanted| *wanted > 0) else {
            return Ok(snapshot);
        };
        // A list with a limit and no match is exact too (the API's table of resourceVersion semantics).
        let exact = options.version_match == Some(VersionMatch::Exact)
            || (options.version_match.is_none() && options.limit > 0);
        if exact {
            store
                .snapshot_at(Revision(wanted))
                .map_err(|_| Status::expired(VERSION_TOO_OLD))
        } else {
            Ok(snapshot)
        }
    }
}

/// 410, with the token by which the list goes on as it is now.
fn page_expired(page: &ContinueToken) -> Status {
    let mut status = Status::expired(CONTINUE_TOO_OLD);
    status.continue_token = Some(page.inconsistent().encode());
    status
}
