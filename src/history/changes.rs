//! The changes of one object, read from a watch that begins where the window does.

use anyhow::{Context, bail};
use futures::{StreamExt, pin_mut};
use kube::Client;
use kube::core::{Status, WatchEvent};
use serde_json::Value;

use super::resource::Target;
use super::state::{current, get, list, revision_of};

/// The window may move on between two requests; so often it is looked for again.
const TRIES: usize = 3;
/// How long the API server goes on telling if nobody knows which change is the last: that of an object that is gone.
const LONGEST_S: u32 = 1;

/// What is known of an object.
pub(super) struct Known {
    /// Where the window begins.
    pub(super) oldest: u64,
    /// The object as it was then, if it was there.
    pub(super) before: Option<Value>,
    pub(super) changes: Vec<Change>,
}

/// What was done to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    Created,
    Changed,
    Deleted,
}

/// One change of an object.
pub(super) struct Change {
    pub(super) deed: Deed,
    /// The object after it; as it was last, if it was deleted.
    pub(super) object: Value,
}

impl Change {
    /// Revision, time, deed and who did it. Who deletes leaves no name.
    pub(super) fn headline(&self) -> String {
        let revision = revision_of(&self.object).unwrap_or_default();
        match self.deed {
            Deed::Deleted => format!("revision {revision}  deleted"),
            Deed::Created => {
                let at = self.object["metadata"]["creationTimestamp"].as_str();
                let (_, who) = latest(&self.object);
                line(revision, at, "created", who)
            }
            Deed::Changed => {
                let (at, who) = latest(&self.object);
                line(revision, at, "changed", who)
            }
        }
    }
}

fn line(revision: u64, at: Option<&str>, deed: &str, who: Option<&str>) -> String {
    let mut words = vec![format!("revision {revision}")];
    words.extend(at.map(str::to_owned));
    words.push(match who {
        Some(who) => format!("{deed} by {who}"),
        None => deed.to_owned(),
    });
    words.join("  ")
}

/// When the fields of an object were last changed, and by which manager.
fn latest(object: &Value) -> (Option<&str>, Option<&str>) {
    let managers = object["metadata"]["managedFields"].as_array();
    // Times are in whole seconds: of two managers in one the later entry is meant.
    let newest = managers
        .into_iter()
        .flatten()
        .max_by_key(|one| one["time"].as_str());
    let of = |field: &str| newest.and_then(|one| one[field].as_str());
    (of("time"), of("manager"))
}

/// Reads what the window holds of an object.
///
/// # Errors
/// If the API server does not answer, or forgets faster than it can be asked.
pub(super) async fn of(client: &Client, target: &Target) -> anyhow::Result<Known> {
    let last = current(client, target)
        .await?
        .and_then(|it| revision_of(&it));
    let mut oldest = 1;
    for _ in 0..TRIES {
        match read(client, target, oldest, last).await? {
            Ok(changes) => {
                let (resource, name) = (&target.resource, Some(target.name.as_str()));
                let before = list(client, resource, &target.namespace, name, Some(oldest)).await?;
                return Ok(Known {
                    oldest,
                    before: before.into_iter().next(),
                    changes,
                });
            }
            Err(Gone { oldest: begins }) => oldest = begins,
        }
    }
    bail!("the API server forgets revisions faster than they can be read")
}

/// The window begins later than asked for.
struct Gone {
    oldest: u64,
}

async fn read(
    client: &Client,
    target: &Target,
    after: u64,
    last: Option<u64>,
) -> anyhow::Result<Result<Vec<Change>, Gone>> {
    let mut changes = Vec::new();
    if last.is_some_and(|last| last <= after) {
        return Ok(Ok(changes));
    }
    let path = format!(
        "{}?watch=true&fieldSelector=metadata.name%3D{}&resourceVersion={after}&timeoutSeconds={LONGEST_S}",
        target.resource.path(&target.namespace),
        target.name
    );
    let events = client.request_events::<Value>(get(&path)?).await?;
    pin_mut!(events);
    while let Some(event) = events.next().await {
        let (deed, object) = match event.context("read the changes")? {
            WatchEvent::Added(object) => (Deed::Created, object),
            WatchEvent::Modified(object) => (Deed::Changed, object),
            WatchEvent::Deleted(object) => (Deed::Deleted, object),
            WatchEvent::Bookmark(_) => continue,
            WatchEvent::Error(status) => return begins(&status).map(Err),
        };
        let revision = revision_of(&object);
        changes.push(Change { deed, object });
        if revision.is_some() && revision == last {
            break;
        }
    }
    Ok(Ok(changes))
}

/// Where the window begins, as a 410 says it: `too old resource version: 1 (120)`.
fn begins(status: &Status) -> anyhow::Result<Gone> {
    let in_brackets = || {
        let (_, rest) = status.message.rsplit_once('(')?;
        rest.strip_suffix(')')?.parse().ok()
    };
    match in_brackets() {
        Some(oldest) if status.code == 410 => Ok(Gone { oldest }),
        _ => bail!("{}", status.message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_headline_says_when_and_who() {
        let object = json!({"metadata": {
            "resourceVersion": "131",
            "creationTimestamp": "2026-01-01T10:00:00Z",
            "managedFields": [
                {"manager": "kubectl-create", "time": "2026-01-01T10:00:00Z"},
                {"manager": "kubectl-edit", "time": "2026-01-01T11:00:00Z"},
            ],
        }});
        let headline = |deed| {
            Change {
                deed,
                object: object.clone(),
            }
            .headline()
        };
        assert_eq!(
            headline(Deed::Changed),
            "revision 131  2026-01-01T11:00:00Z  changed by kubectl-edit"
        );
        assert_eq!(headline(Deed::Deleted), "revision 131  deleted");
        let bare = Change {
            deed: Deed::Created,
            object: json!({"metadata": {"resourceVersion": "7", "creationTimestamp": "2026-01-01T10:00:00Z"}}),
        };
        assert_eq!(bare.headline(), "revision 7  2026-01-01T10:00:00Z  created");
    }

    #[test]
    fn a_410_says_where_the_window_begins() {
        let expired = |message: &str| Status {
            code: 410,
            message: message.to_owned(),
            ..Status::default()
        };
        let found = begins(&expired("too old resource version: 1 (120)")).map(|it| it.oldest);
        assert_eq!(found.ok(), Some(120));
        assert!(begins(&expired("too old")).is_err());
    }
}
