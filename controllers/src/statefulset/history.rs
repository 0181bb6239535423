//! The revisions between which an update of a StatefulSet moves.

use std::collections::HashSet;
use std::sync::Arc;

use k8s_openapi::api::apps::v1::{ControllerRevision, StatefulSet};
use kube::ResourceExt;

use super::plan::Seen;
use super::{Reconciler, identity};
use crate::revisions;
use crate::writes::exists;

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
        let mut status = set.status.clone().unwrap_or_default();
        let collisions = status.collision_count.unwrap_or(0);
        let all = &self.revisions.all;
        let update = match revisions::newest(&self.context, all, set, history, collisions).await {
            Err(clash) if exists(&clash) => {
                status.collision_count = Some(collisions + 1);
                self.report(set, status).await?;
                return Err(clash);
            }
            update => update?,
        };
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

    /// Deletes the revisions that nobody needs.
    pub(super) async fn forget(
        &self,
        set: &StatefulSet,
        seen: &Seen<'_>,
        history: &[Arc<ControllerRevision>],
    ) -> kube::Result<()> {
        let pods = seen.pods.iter().map(|pod| identity::revision(pod));
        let live: HashSet<String> = pods
            .chain([seen.current, seen.update])
            .map(str::to_owned)
            .collect();
        revisions::forget(&self.context, set, history, &live).await
    }
}
