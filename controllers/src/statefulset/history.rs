//! Keeps the history of one StatefulSet's template in the API.

use std::collections::HashSet;
use std::sync::Arc;

use k8s_openapi::api::apps::v1::{ControllerRevision, StatefulSet};
use kube::ResourceExt;
use kube::api::PostParams;

use super::identity;
use super::plan::Seen;
use super::reconcile::Reconciler;
use super::revisions::{Latest, forgotten, latest, same_data};
use crate::ownership::uid_of;
use crate::writes::{exists, is_gone, only};

/// The two revisions between which an update moves, and how often their names clashed with others.
pub(super) struct Revisions {
    pub(super) current: Arc<ControllerRevision>,
    pub(super) update: Arc<ControllerRevision>,
    pub(super) collisions: i32,
}

impl Reconciler {
    /// Makes sure that there is a revision of the current template.
    pub(super) async fn revisions(
        &self,
        set: &StatefulSet,
        history: &[Arc<ControllerRevision>],
    ) -> kube::Result<Revisions> {
        let status = set.status.clone().unwrap_or_default();
        let collisions = status.collision_count.unwrap_or(0);
        let api = self.api::<ControllerRevision>(set);
        let update = match latest(set, history, collisions) {
            Latest::Is(update) => update,
            Latest::Returns(update) => Arc::new(
                api.replace(&update.name_any(), &PostParams::default(), &update)
                    .await?,
            ),
            Latest::New(update) => Arc::new(self.make_revision(set, &update).await?),
        };
        self.context.caught_up(&self.revisions.all, &*update).await;
        let current = history
            .iter()
            .find(|revision| Some(revision.name_any()) == status.current_revision)
            .unwrap_or(&update);
        Ok(Revisions {
            current: current.clone(),
            update: update.clone(),
            collisions,
        })
    }

    async fn make_revision(
        &self,
        set: &StatefulSet,
        revision: &ControllerRevision,
    ) -> kube::Result<ControllerRevision> {
        let api = self.api::<ControllerRevision>(set);
        let refused = match api.create(&PostParams::default(), revision).await {
            Err(error) if exists(&error) => error,
            made => return made,
        };
        let existing = api.get(&revision.name_any()).await?;
        if same_data(&existing, revision) {
            return Ok(existing);
        }
        // Another template of the same hash: the next attempt takes another name.
        let mut status = set.status.clone().unwrap_or_default();
        status.collision_count = Some(status.collision_count.unwrap_or(0) + 1);
        self.report(set, status).await?;
        Err(refused)
    }

    /// Deletes the revisions that nobody needs.
    pub(super) async fn forget(
        &self,
        set: &StatefulSet,
        seen: &Seen<'_>,
        history: &[Arc<ControllerRevision>],
    ) -> kube::Result<()> {
        let mut live: HashSet<String> = seen
            .pods
            .iter()
            .map(|pod| identity::revision(pod).to_owned())
            .collect();
        live.extend([seen.current.to_owned(), seen.update.to_owned()]);
        for revision in forgotten(set, history, &live) {
            let api = self.api::<ControllerRevision>(set);
            match api
                .delete(&revision.name_any(), &only(uid_of(&*revision)))
                .await
            {
                Err(error) if !is_gone(&error) => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}
