//! What the node has for Pods, and what each was granted of it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as ApiQuantity;
use parking_lot::Mutex;
use skiff_api::Quantity;
use skiff_api::pod_resources::{Bound, wanted};
use tokio::sync::watch;

use super::{Refusal, RefusalKind};
use crate::pods::object;
use crate::quantity;

/// The room of the node.
#[derive(Debug)]
pub(crate) struct Room {
    all: Amounts,
    granted: Mutex<HashMap<String, Amounts>>,
    /// Whether all Pods of the node are in it. Told anew when a Pod has left, or has less.
    freed: watch::Sender<bool>,
}

/// The part of one Pod; it is free when this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    room: Arc<Room>,
    uid: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Amounts {
    cpu_millis: i64,
    memory_bytes: i64,
}

impl Room {
    /// The room of a node that has so much for Pods; it is closed.
    pub(crate) fn new(allocatable: &BTreeMap<String, ApiQuantity>) -> Self {
        let of = |resource: &str| allocatable.get(resource);
        Self {
            all: Amounts {
                cpu_millis: of("cpu").and_then(quantity::millis).unwrap_or(0),
                memory_bytes: of("memory").and_then(quantity::value).unwrap_or(0),
            },
            granted: Mutex::default(),
            freed: watch::Sender::new(false),
        }
    }

    /// Takes in a Pod that is bound to the node, with all that it asks for.
    pub(crate) fn enter(self: &Arc<Self>, pod: &Pod) -> Place {
        let uid = object::uid(pod).to_owned();
        self.granted.lock().insert(uid.clone(), Amounts::of(pod));
        Place {
            room: self.clone(),
            uid,
        }
    }

    /// All Pods of the node are in it: what they want can be judged.
    pub(crate) fn open(&self) {
        self.freed.send_replace(true);
    }

    /// Whether it was opened.
    pub(crate) fn is_open(&self) -> bool {
        *self.freed.borrow()
    }

    /// Tells when there may be more room.
    pub(crate) fn freed(&self) -> watch::Receiver<bool> {
        self.freed.subscribe()
    }

    /// Has all look again whether there is room for what they want.
    fn tell(&self) {
        self.freed.send_modify(|_| {});
    }
}

impl Place {
    /// Grants the Pod what it asks for now.
    ///
    /// # Errors
    /// If the node does not have it; then all stays as it was.
    pub(crate) fn resize(&self, pod: &Pod) -> Result<(), Refusal> {
        let wanted = Amounts::of(pod);
        let mut granted = self.room.granted.lock();
        let others = granted.iter().filter(|(uid, _)| **uid != self.uid);
        let used = others.fold(Amounts::default(), |sum, (_, one)| sum.and(*one));
        judge(self.room.all, used, wanted)?;
        granted.insert(self.uid.clone(), wanted);
        drop(granted);
        self.room.tell();
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.room.granted.lock().remove(&self.uid);
        self.room.tell();
    }
}

impl Amounts {
    /// What the Pod asks for.
    fn of(pod: &Pod) -> Self {
        let spec = pod.spec.as_ref();
        let asked = spec.map(|spec| wanted(spec, Bound::Request));
        let of = |resource: &str| {
            let found = asked.as_ref().and_then(|all| all.get(resource));
            found.copied().unwrap_or(Quantity::ZERO)
        };
        Self {
            cpu_millis: of("cpu").milli_value(),
            memory_bytes: of("memory").value(),
        }
    }

    fn and(self, other: Self) -> Self {
        Self {
            cpu_millis: self.cpu_millis.saturating_add(other.cpu_millis),
            memory_bytes: self.memory_bytes.saturating_add(other.memory_bytes),
        }
    }
}

/// Whether a node that has `all`, of which others use `used`, has what is wanted.
fn judge(all: Amounts, used: Amounts, wanted: Amounts) -> Result<(), Refusal> {
    let cpu = ("cpu", wanted.cpu_millis, used.cpu_millis, all.cpu_millis);
    let memory = (
        "memory",
        wanted.memory_bytes,
        used.memory_bytes,
        all.memory_bytes,
    );
    for (resource, wanted, _, all) in [memory, cpu] {
        if wanted > all {
            return Err(Refusal {
                kind: RefusalKind::Infeasible,
                message: format!(
                    "Node didn't have enough capacity: {resource}, requested: {wanted}, capacity: {all}"
                ),
            });
        }
    }
    for (resource, wanted, used, all) in [cpu, memory] {
        if wanted > 0 && wanted > all - used {
            return Err(Refusal {
                kind: RefusalKind::Deferred,
                message: format!(
                    "Node didn't have enough resource: {resource}, requested: {wanted}, used: {used}, capacity: {all}"
                ),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(uid: &str, cpu: &str, memory: &str) -> Pod {
        let requests = json!({"cpu": cpu, "memory": memory});
        let pod = json!({
            "metadata": {"uid": uid},
            "spec": {"containers": [{"name": "a", "resources": {"requests": requests}}]},
        });
        serde_json::from_value(pod).expect("a Pod")
    }

    fn room() -> Arc<Room> {
        let of = |name: &str, amount: &str| (name.to_owned(), ApiQuantity(amount.to_owned()));
        Arc::new(Room::new(&[of("cpu", "4"), of("memory", "4Gi")].into()))
    }

    #[test]
    fn a_pod_gets_what_the_node_has() {
        let room = room();
        let (web, _other) = (
            room.enter(&pod("web", "1", "1Gi")),
            room.enter(&pod("other", "2", "1Gi")),
        );
        let (deferred, infeasible) = (RefusalKind::Deferred, RefusalKind::Infeasible);
        for (cpu, memory, expected) in [
            ("2", "3Gi", None),
            (
                "2500m",
                "1Gi",
                Some((
                    deferred,
                    "Node didn't have enough resource: cpu, requested: 2500, used: 2000, capacity: 4000",
                )),
            ),
            (
                "5",
                "1Gi",
                Some((
                    infeasible,
                    "Node didn't have enough capacity: cpu, requested: 5000, capacity: 4000",
                )),
            ),
            (
                "5",
                "4500Mi",
                Some((
                    infeasible,
                    "Node didn't have enough capacity: memory, requested: 4718592000, capacity: 4294967296",
                )),
            ),
        ] {
            let refusal = web.resize(&pod("web", cpu, memory)).err();
            let refusal = refusal.map(|refusal| (refusal.kind, refusal.message));
            let expected = expected.map(|(kind, message)| (kind, message.to_owned()));
            assert_eq!(refusal, expected, "{cpu} {memory}");
        }
    }

    #[test]
    fn more_than_can_be_counted_is_refused() {
        let mut two = pod("web", "1", "10P");
        let containers = &mut two.spec.as_mut().expect("a spec").containers;
        containers.extend(pod("", "1", "64Mi").spec.expect("a spec").containers);
        let web = room().enter(&pod("web", "1", "1Gi"));
        let refusal = web.resize(&two).expect_err("too much");
        assert_eq!(refusal.kind, RefusalKind::Infeasible);
    }

    #[test]
    fn room_is_closed_until_all_pods_are_in_it() {
        let room = room();
        let freed = room.freed();
        drop(room.enter(&pod("web", "1", "1Gi")));
        assert!(freed.has_changed().expect("a room") && !room.is_open());
        room.open();
        drop(room.enter(&pod("web", "1", "1Gi")));
        assert!(room.is_open());
    }

    #[test]
    fn room_is_free_when_a_pod_has_left() {
        let room = room();
        let web = room.enter(&pod("web", "1", "1Gi"));
        let other = room.enter(&pod("other", "3", "1Gi"));
        let freed = room.freed();
        assert!(web.resize(&pod("web", "2", "1Gi")).is_err());
        assert!(!freed.has_changed().expect("a room"));
        drop(other);
        assert!(freed.has_changed().expect("a room"));
        assert!(web.resize(&pod("web", "2", "1Gi")).is_ok());
    }
}
