//! ServiceCIDRs say whether they are ready, and stay while an address that was given is in no other (KEP-1880), as the
//! service-cidr-controller of Kubernetes sees to it.
//!
//! Who takes an address requires that its ServiceCIDR is as it was seen, so none can come from one that is ending, and
//! nobody needs to wait for that.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use skiff_api::{Reason, Status, metadata};
use skiff_store::{Change, Snapshot};

use crate::admission::Part;
use crate::api::Api;
use crate::codec::now;
use crate::following::Follower;
use crate::request::unknown;
use crate::services::{ServiceCidr, is_needed, service_cidrs};
use crate::writes::{Writer, Writes};

const FINALIZER: &str = "networking.k8s.io/service-cidr-finalizer";

/// Sees to them as they change.
pub(super) struct ServiceCidrs<'a>(pub(super) &'a Api);

impl Follower for ServiceCidrs<'_> {
    async fn read_all(&self, _: &Snapshot) {
        settle(self.0).await;
    }

    async fn apply(&self, _: &[Arc<Change>]) {
        settle(self.0).await;
    }
}

/// What becomes of one.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Ready,
    /// It ends, but not yet.
    Needed,
    Over,
}

/// How often those are tried again that could not be written, and after what time.
const ATTEMPTS: u32 = 10;
const AGAIN: Duration = Duration::from_secs(1);

/// Sees to all.
pub(super) async fn settle(api: &Api) {
    for _ in 1..ATTEMPTS {
        if try_settle(api).await {
            return;
        }
        tokio::time::sleep(AGAIN).await;
    }
    try_settle(api).await;
}

/// Says whether all could be written.
async fn try_settle(api: &Api) -> bool {
    let mut all_written = true;
    let snapshot = api.store.snapshot();
    let all = service_cidrs(&snapshot);
    for cidr in &all {
        let fate = match cidr.is_ending {
            false => Fate::Ready,
            true if is_needed(&snapshot, cidr, &all) => Fate::Needed,
            true => Fate::Over,
        };
        if let Err(error) = write(api, &cidr.name, fate).await {
            tracing::warn!(%error, name = cidr.name, "a ServiceCIDR was not seen to");
            all_written = false;
        }
    }
    all_written
}

/// Sees to those that end, for an address was freed.
pub(super) async fn settle_ending(api: &Api) {
    let all = service_cidrs(&api.store.snapshot());
    if all.iter().any(|cidr: &ServiceCidr| cidr.is_ending) {
        settle(api).await;
    }
}

async fn write(api: &Api, name: &str, fate: Fate) -> Result<(), Status> {
    let descriptor = api.kinds.get("networking.k8s.io", "v1", "servicecidrs");
    let descriptor = descriptor.ok_or_else(unknown)?;
    let storage = api.objects.of(&descriptor);
    let writes = Writes::new(api, &storage);
    modify(&writes, name, Part::Main, |old| held(old, fate)).await?;
    modify(&writes, name, Part::Status, |old| said(old, fate)).await
}

async fn modify(
    writes: &Writes<'_>,
    name: &str,
    part: Part,
    wanted: impl Fn(&Value) -> Value + Send + Sync,
) -> Result<(), Status> {
    let change = |old: &Value| Ok(wanted(old));
    let written = writes.modify("", name, part, Writer::default(), change);
    match written.await {
        Err(status) if status.reason == Reason::NotFound => Ok(()),
        written => written.map(drop),
    }
}

/// It has the finalizer until it is over.
fn held(old: &Value, fate: Fate) -> Value {
    let mut new = old.clone();
    let is_held = metadata::finalizers(old).any(|one| one == FINALIZER);
    let others = metadata::finalizers(old).filter(|one| *one != FINALIZER);
    match fate {
        Fate::Over if is_held => {
            new["metadata"]["finalizers"] = others.collect::<Vec<_>>().into();
        }
        Fate::Ready if !is_held => {
            new["metadata"]["finalizers"] = others.chain([FINALIZER]).collect::<Vec<_>>().into();
        }
        _ => {}
    }
    new
}

/// Its condition `Ready`.
fn said(old: &Value, fate: Fate) -> Value {
    let (status, reason, message) = match fate {
        Fate::Ready => ("True", "", "Kubernetes Service CIDR is ready"),
        Fate::Needed => (
            "False",
            "Terminating",
            "There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR",
        ),
        Fate::Over => return old.clone(),
    };
    let mut new = old.clone();
    let known = old["status"]["conditions"].as_array();
    let (mut ready, mut all): (Vec<Value>, Vec<Value>) = known
        .into_iter()
        .flatten()
        .cloned()
        .partition(|condition| condition["type"] == "Ready");
    let ready = ready.pop().filter(|ready| ready["status"] == status);
    let since = ready.map_or_else(|| now().into(), |ready| ready["lastTransitionTime"].clone());
    all.push(json!({
        "type": "Ready",
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": since,
    }));
    new["status"]["conditions"] = all.into();
    new
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_held_until_no_address_needs_it() {
        let cidr = |finalizers: Value| json!({"metadata": {"name": "x", "finalizers": finalizers}});
        let cases = [
            (json!([]), Fate::Ready, json!([FINALIZER])),
            (json!([FINALIZER]), Fate::Ready, json!([FINALIZER])),
            (
                json!(["a/b", FINALIZER]),
                Fate::Needed,
                json!(["a/b", FINALIZER]),
            ),
            (json!(["a/b", FINALIZER]), Fate::Over, json!(["a/b"])),
        ];
        for (finalizers, fate, expected) in cases {
            let held = held(&cidr(finalizers), fate);
            assert_eq!(held["metadata"]["finalizers"], expected, "{fate:?}");
        }
    }

    #[test]
    fn its_condition_says_why_it_stays() {
        let ready = said(
            &json!({"status": {"conditions": [{"type": "Other"}]}}),
            Fate::Ready,
        );
        assert_eq!(ready["status"]["conditions"][0]["type"], "Other");
        assert_eq!(ready["status"]["conditions"][1]["status"], "True");
        assert_eq!(said(&ready, Fate::Ready), ready);
        let ending = said(&ready, Fate::Needed);
        assert_eq!(ending["status"]["conditions"][1]["reason"], "Terminating");
        assert_eq!(said(&ending, Fate::Needed), ending);
    }
}
