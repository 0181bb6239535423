//! Fields that others own, in the words of the API server of Kubernetes.

use super::entries::{Entry, Operation};
use super::set::FieldSet;
use crate::{Cause, Reason, Status};

/// The fields of one manager that would get another value.
pub(super) struct Conflict {
    /// `"kubectl-client-side-apply" using apps/v1`
    manager: String,
    fields: FieldSet,
}

impl Conflict {
    pub(super) fn new(owner: &Entry, fields: FieldSet) -> Self {
        let mut manager = format!("{:?}", owner.manager);
        if !owner.subresource.is_empty() {
            manager.push_str(&format!(" with subresource {:?}", owner.subresource));
        }
        if owner.operation == Operation::Update {
            manager.push_str(&format!(" using {}", owner.api_version));
        }
        Self { manager, fields }
    }

    /// Takes fields away that are no conflict; whether any are left.
    pub(super) fn remains_without(&mut self, allowed: &FieldSet) -> bool {
        self.fields.subtract(allowed);
        !self.fields.is_empty()
    }
}

/// 409 with a cause for each field.
pub(super) fn status(conflicts: &[Conflict]) -> Status {
    let mut all: Vec<(&str, Vec<String>)> = conflicts
        .iter()
        .map(|conflict| (conflict.manager.as_str(), conflict.fields.paths()))
        .collect();
    all.sort();
    let count: usize = all.iter().map(|(_, paths)| paths.len()).sum();
    let words = match all.as_slice() {
        [(manager, paths)] if count == 1 => {
            format!("conflict: conflict with {manager}: {}", paths.concat())
        }
        all => {
            let lines = all.iter().map(|(manager, paths)| {
                let paths: String = paths.iter().map(|path| format!("\n- {path}")).collect();
                format!("conflicts with {manager}:{paths}")
            });
            format!("conflicts: {}", lines.collect::<Vec<_>>().join("\n"))
        }
    };
    let mut status = Status::new(
        Reason::Conflict,
        format!("Apply failed with {count} {words}"),
    );
    let causes = all.into_iter().flat_map(|(manager, paths)| {
        paths.into_iter().map(move |field| Cause {
            reason: "FieldManagerConflict".to_owned(),
            message: format!("conflict with {manager}"),
            field,
        })
    });
    status.details.causes = causes.collect();
    status
}
