//! Keeps the history of a template in the API.

use std::collections::HashSet;
use std::sync::Arc;

use k8s_openapi::api::apps::v1::ControllerRevision;
use kube::api::PostParams;
use kube::{Api, ResourceExt};
use skiff_client::Informer;

use super::Revisioned;
use super::history::{Latest, forgotten, latest, same_data};
use crate::context::Context;
use crate::ownership::uid_of;
use crate::writes::{exists, is_gone, only};

fn api<O: Revisioned>(context: &Context, owner: &O) -> Api<ControllerRevision> {
    let namespace = owner.namespace().unwrap_or_default();
    Api::namespaced(context.client.clone(), &namespace)
}

/// The revision of the current template, made if there is none.
///
/// # Errors
/// `AlreadyExists` if another template has the name that this one should have: the next attempt takes another one if it
/// counts a collision more.
pub(crate) async fn newest<O: Revisioned>(
    context: &Context,
    all: &Informer<ControllerRevision>,
    owner: &O,
    history: &[Arc<ControllerRevision>],
    collisions: i32,
) -> kube::Result<Arc<ControllerRevision>> {
    let newest = match latest(owner, history, collisions) {
        Latest::Is(newest) => newest,
        Latest::Returns(newest) => {
            let api = api(context, owner);
            let params = PostParams::default();
            Arc::new(api.replace(&newest.name_any(), &params, &newest).await?)
        }
        Latest::New(newest) => Arc::new(make(context, owner, &newest).await?),
    };
    context.caught_up(all, &*newest).await;
    Ok(newest)
}

async fn make<O: Revisioned>(
    context: &Context,
    owner: &O,
    revision: &ControllerRevision,
) -> kube::Result<ControllerRevision> {
    let api = api(context, owner);
    let refused = match api.create(&PostParams::default(), revision).await {
        Err(error) if exists(&error) => error,
        made => return made,
    };
    let existing = api.get(&revision.name_any()).await?;
    match same_data(&existing, revision) {
        true => Ok(existing),
        false => Err(refused),
    }
}

/// Deletes the revisions beyond the limit, none of them `live`.
pub(crate) async fn forget<O: Revisioned>(
    context: &Context,
    owner: &O,
    history: &[Arc<ControllerRevision>],
    live: &HashSet<String>,
) -> kube::Result<()> {
    let api = api(context, owner);
    for revision in forgotten(owner, history, live) {
        let deleted = api
            .delete(&revision.name_any(), &only(uid_of(&*revision)))
            .await;
        if let Err(error) = deleted
            && !is_gone(&error)
        {
            return Err(error);
        }
    }
    Ok(())
}
