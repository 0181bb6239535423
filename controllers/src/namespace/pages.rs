//! The objects of one resource in a namespace, looked at and deleted some at a time: there may be more than memory is for.

use kube::api::{DeleteParams, ListParams, PropagationPolicy};
use kube::{Api, ResourceExt};

use crate::resources::Meta;
use crate::writes::is_expired;

/// Objects in a page; kubectl asks for as many.
const PAGE: u32 = 500;

/// What is left of a resource.
#[derive(Default)]
pub(super) struct Left {
    pub(super) count: usize,
    /// The finalizers of all of them, one after the other.
    pub(super) finalizers: Vec<String>,
    /// Whether there is one that nobody has deleted.
    pub(super) untouched: bool,
}

/// Looks at all objects.
pub(super) async fn look(objects: &Api<Meta>) -> kube::Result<Left> {
    let mut left = Left::default();
    let mut page = first();
    loop {
        let list = objects.list(&page).await?;
        for object in &list.items {
            left.count += 1;
            left.finalizers.extend_from_slice(object.finalizers());
            left.untouched |= object.metadata.deletion_timestamp.is_none();
        }
        match next(list.metadata.continue_) {
            Some(next) => page = next,
            None => return Ok(left),
        }
    }
}

/// Deletes all objects; those with finalizers stay until these are gone.
pub(super) async fn delete(objects: &Api<Meta>) -> kube::Result<()> {
    let background = DeleteParams {
        propagation_policy: Some(PropagationPolicy::Background),
        ..DeleteParams::default()
    };
    let mut page = first();
    loop {
        match objects.delete_collection(&background, &page).await {
            Ok(deleted) => {
                let metadata = deleted.left().map(|list| list.metadata);
                match next(metadata.and_then(|metadata| metadata.continue_)) {
                    Some(next) => page = next,
                    None => return Ok(()),
                }
            }
            // So much has been deleted that the history ends after the first page: what is left begins another one.
            Err(error) if is_expired(&error) && page.continue_token.is_some() => page = first(),
            Err(error) => return Err(error),
        }
    }
}

fn first() -> ListParams {
    ListParams::default().limit(PAGE)
}

fn next(token: Option<String>) -> Option<ListParams> {
    let token = token.filter(|token| !token.is_empty())?;
    Some(first().continue_token(&token))
}
